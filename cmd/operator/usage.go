// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

// usage is what --help prints before the flags.
const usage = `operator connects a voice-AI test framework to Slack and Jira, by custom resources.

  operator [flags]           Run the operator, in a Pod or with the cluster of --kubeconfig.
  operator slack-manifest    Print the settings of the app in Slack. It has flags of its own.
  operator version           Print the version.

Flags:
`

// parse parses the arguments of the program. It reports whether the program ends now, and its exit code. An error is printed
// alone: it would be far above the end of the flags.
func parse(set *flag.FlagSet, arguments []string, out io.Writer) (code int, ends bool) {
	set.Init("operator", flag.ContinueOnError)
	set.SetOutput(out)
	set.Usage = func() {}
	switch err := set.Parse(arguments); {
	case errors.Is(err, flag.ErrHelp):
		_, _ = fmt.Fprint(out, usage)
		set.PrintDefaults()
		return 0, true
	case err != nil:
		_, _ = fmt.Fprintln(out, "Run operator --help for the flags.")
		return 2, true
	}
	return 0, false
}
