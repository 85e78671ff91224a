package lambda

import (
	"os"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/test/program"
)

func TestMain(m *testing.M) {
	status := m.Run()
	program.Remove()
	os.Exit(status)
}
