//go:build !unix

package main

import (
	"errors"
	"os"
)

// canSleep says whether processes can be put to sleep here.
const canSleep = false

func sleep(*os.Process) error { return errors.ErrUnsupported }

func wake(*os.Process) error { return errors.ErrUnsupported }
