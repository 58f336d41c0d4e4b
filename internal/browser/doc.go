// Package browser holds no code, only tests: examples/simulator as its users meet it. They build and
// start the program, look at its page in a headless Chromium, and run the commands that the program and
// its README give. It is a module of its own, so that what drives the browser does not become a
// dependency of the SDK. It needs chromium, curl and node.
package browser
