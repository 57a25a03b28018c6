// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/callsim"
	"github.com/voiceai-dev/integrations-operator/internal/mapping"
	"github.com/voiceai-dev/integrations-operator/internal/report"
)

const usage = `report runs a test command, reads the reports that it writes, and turns failures into Defects.

  report --suite smoke --results 'out/*.xml' -- pytest --junitxml out/report.xml

It reads JUnit's XML, CTRF, Playwright's JSON, the output of go test -json, and other JSON by a mapping. Output, signals and the
exit code of the command pass through. Every flag can be set by a variable: --report-url by REPORT_REPORT_URL. Without --run, the
labels of the Pod in /etc/podinfo/labels or its host name say which Job it is.

Exit codes: that of the test command, unless it is 0. Then
  0    the results were read and sent, or kept for the next call
  1    tests failed, where there is no test command
  120  flags or arguments are wrong, or the command cannot be started
  121  no results were found
  122  a report could not be read to its end, where there is no test command or with --strict
  123  the API server could not be reached, with --strict`

var severities = []string{
	string(v1alpha1.SeverityCritical), string(v1alpha1.SeverityHigh), string(v1alpha1.SeverityMedium), string(v1alpha1.SeverityLow),
}

// command returns the command line. The subcommands set code.
func command(o *report.Options, code *int) *cobra.Command {
	root := &cobra.Command{
		Use: "report [flags] [-- command ...]", Short: "Turn the results of a test run into Defects", Long: usage,
		SilenceUsage: true, Args: cobra.ArbitraryArgs, Version: version,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd.Flags()) },
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Command = args
			o.Complete(v1alpha1.SuiteLabel)
			*code = o.Run(cmd.Context())
			return nil
		},
	}
	p := root.PersistentFlags()
	p.StringVar(&o.Suite, "suite", "", "the suite's id")
	p.StringVarP(&o.Namespace, "namespace", "n", "", "the namespace of the Defects (default: that of the Pod)")
	p.StringVar(&o.Mapping, "mapping", "", "read JSON by a mapping: a file, or one of "+strings.Join(mapping.Platforms(), ", "))
	f := root.Flags()
	f.StringArrayVar(&o.Results, "results", nil, "a report, or a pattern such as 'out/**/*.xml'; may be repeated")
	f.StringVar(&o.RunName, "run", "", "the name of the run (default: that of the Pod's Job)")
	f.StringVar(&o.Commit, "commit", "", "the commit that is tested")
	f.StringVar(&o.Version, "version-tested", "", "the version that is tested, such as that of the voice agent")
	f.StringVar(&o.Severity, "severity", "Medium", "the severity of new Defects: Critical, High, Medium or Low")
	f.StringVar(&o.ReportURL, "report-url", "", "the address of the run's report, for messages")
	f.StringVar(&o.Evidence, "evidence", "", "a directory with files that show what failed; up to 20 with 10 MiB go to each ticket")
	f.StringVar(&o.EvidenceURL, "evidence-url", "", "where people find the files of that directory, for links to those that are not sent")
	f.StringVar(&o.TerminationLog, "termination-log", "/dev/termination-log", "the file for the run's result; empty for none")
	f.StringVar(&o.Event, "event", "", "a file for a CloudEvent about the run, for a run that is no Job")
	f.StringVar(&o.Spool, "spool", "", "the file for what could not be sent (default: in the directory for temporary files)")
	f.BoolVar(&o.DryRun, "dry-run", false, "print the Defects as YAML and send nothing")
	_ = root.RegisterFlagCompletionFunc("severity", cobra.FixedCompletions(severities, cobra.ShellCompDirectiveNoFileComp)) // it exists
	_ = root.RegisterFlagCompletionFunc("mapping", cobra.FixedCompletions(mapping.Platforms(), cobra.ShellCompDirectiveDefault))
	f.BoolVar(&o.Strict, "strict", false, "fail when a report cannot be read to its end, or the API server cannot be reached")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w: see %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(installCommand(), validateCommand(o, code), historyCommand(o, code), mappingCommand(), simulateCommand(code))
	return root
}

// noArguments accepts no arguments.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q: see %s --help", args[0], cmd.CommandPath())
	}
	return nil
}

// needs accepts one argument, or more if the usage of the command has dots.
func needs(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("name %s", what)
		}
		if strings.HasSuffix(cmd.Use, "...") {
			return nil
		}
		return noArguments(cmd, args[1:])
	}
}

func installCommand() *cobra.Command {
	return &cobra.Command{
		Use: "install DIRECTORY", Short: "Copy this program to a directory, as an init container does",
		Args: needs("a directory, such as /tools"),
		RunE: func(_ *cobra.Command, args []string) error { return report.Install(args[0]) },
	}
}

func validateCommand(o *report.Options, code *int) *cobra.Command {
	return &cobra.Command{
		Use: "validate FILE ...", Short: "Print what is wrong with reports, with line numbers", Args: needs("a report, such as out/report.xml"),
		Run: func(_ *cobra.Command, args []string) { *code = report.Validate(os.Stdout, o.Mapping, args) },
	}
}

func historyCommand(o *report.Options, code *int) *cobra.Command {
	return &cobra.Command{
		Use: "history", Short: "Print what the cluster knows of a suite", Args: noArguments,
		Run: func(cmd *cobra.Command, _ []string) { *code = o.History(cmd.Context()) },
	}
}

func mappingCommand() *cobra.Command {
	return &cobra.Command{
		Use: "mapping PLATFORM", Short: "Print the mapping for the JSON of a voice platform",
		Args:      needs("a platform: " + strings.Join(mapping.Platforms(), ", ")),
		ValidArgs: mapping.Platforms(),
		RunE: func(cmd *cobra.Command, args []string) error {
			source, err := mapping.Source(args[0])
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(source)
			return err
		},
	}
}

// simulateCommand returns the command of the test program for samples.
func simulateCommand(code *int) *cobra.Command {
	var directory string
	var seed uint64
	var outage bool
	cmd := &cobra.Command{
		Use: "simulate", Short: "Make simulated calls that pass, fail and flake on purpose, and write their report", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if seed == 0 {
				seed = rand.Uint64N(1 << 32) //nolint:gosec // it decides nothing of importance
			}
			passed, err := callsim.Run(cmd.OutOrStdout(), directory, seed, outage)
			if err == nil && !passed {
				*code = report.ExitFailed
			}
			return err
		},
	}
	cmd.Flags().StringVar(&directory, "out", "out", "the directory for the report calls.xml")
	cmd.Flags().Uint64Var(&seed, "seed", 0, "the same seed has the same result; 0 means another one each time")
	cmd.Flags().BoolVar(&outage, "outage", false, "let all calls fail for one cause")
	return cmd
}

// fromEnvironment sets the flags that were not given from the variables REPORT_<FLAG>. Those that may be repeated have one
// value a line.
func fromEnvironment(flags *pflag.FlagSet) error {
	var err error
	flags.VisitAll(func(f *pflag.Flag) {
		value, ok := os.LookupEnv("REPORT_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_")))
		if !ok || f.Changed || err != nil {
			return
		}
		for one := range strings.SplitSeq(value, "\n") {
			if err = flags.Set(f.Name, one); err != nil {
				return
			}
		}
	})
	return err
}
