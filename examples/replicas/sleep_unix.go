//go:build unix

package main

import (
	"os"
	"syscall"
)

// canSleep says whether processes can be put to sleep here.
const canSleep = true

func sleep(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func wake(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
