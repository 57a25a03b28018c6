// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
)

// Ports that programs listen on are below those that the kernel gives to outgoing connections and to listeners of port 0.
// So none is taken between FreePort and the start of the program.
const (
	firstPort = 10_000
	// ephemeralFile has the range of ports that the kernel gives.
	ephemeralFile    = "/proc/sys/net/ipv4/ip_local_port_range"
	defaultEphemeral = 32_768
)

// reserved has what keeps the ports of this process from other processes that call FreePort.
var reserved struct {
	sync.Mutex
	held []net.Listener
}

// FreePort returns a free port of the loopback interface. No other process gets it from FreePort while this one runs.
func FreePort(ctx context.Context) (int, error) {
	end := firstEphemeral()
	for range 100 {
		port := firstPort + rand.IntN(end-firstPort)
		if reserve(ctx, port) == nil {
			return port, nil
		}
	}
	return 0, errors.New("found no free port")
}

// firstEphemeral returns the first port that the kernel gives, or its default where it gives nearly all.
func firstEphemeral() int {
	first := defaultEphemeral
	if raw, err := os.ReadFile(ephemeralFile); err == nil {
		_, _ = fmt.Sscan(string(raw), &first) // the default stays if there is no number
	}
	if first < 2*firstPort {
		return defaultEphemeral
	}
	return first
}

// reserve reserves a port that is free. A socket with an abstract name lasts as long as its process. See unix(7).
func reserve(ctx context.Context, port int) error {
	var config net.ListenConfig
	hold, err := config.Listen(ctx, "unix", fmt.Sprintf("@voiceai-port-%d", port))
	if err != nil {
		return err
	}
	probe, err := config.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		err = probe.Close()
	}
	if err != nil {
		return errors.Join(err, hold.Close())
	}
	reserved.Lock()
	defer reserved.Unlock()
	reserved.held = append(reserved.held, hold)
	return nil
}
