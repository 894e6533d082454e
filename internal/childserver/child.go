// Package childserver runs a role's server as a child process of its test, so that it can be killed with SIGKILL.
//
// A test package calls Main from TestMain: started again with the environment's name set, it is nothing but a server. Spawn starts such
// a child and returns what it listens on.
package childserver

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// env names the configuration of a child. Only a child has it.
const env = "LOADSHARE_TEST_CHILD"

// Main runs the tests, or, in a child, serve, which opens a server for the configuration at path, calls ready with its address and
// returns when it ended or could not begin. It is the whole of a TestMain.
func Main(m *testing.M, serve func(path string, ready func(address any)) error) {
	path := os.Getenv(env)
	if path == "" {
		os.Exit(m.Run())
	}
	fmt.Println("error:", serve(path, func(address any) { fmt.Println(address) }))
	os.Exit(1)
}

// Spawn starts a child on the configuration at path and returns it with its address. The end of the test kills it.
func Spawn(t testing.TB, path string) (child *exec.Cmd, address string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child = exec.Command(exe)
	child.Env = append(os.Environ(), env+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error") {
		t.Fatalf("child: %q %v", line, err)
	}
	return child, strings.TrimSpace(line)
}
