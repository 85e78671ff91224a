package app

import (
	"testing"

	"github.com/iam-sleuth/sleuth/internal/config"
)

func TestEveryDeclaredChannelCanBeSetUp(t *testing.T) {
	t.Parallel()
	openers := channelFactory{App: &App{}}.openers()
	for _, channel := range config.DeclaredChannels() {
		if openers[channel.Variable] == nil {
			t.Errorf("nothing sets up %s (%s)", channel.Name, channel.Variable)
		}
		delete(openers, channel.Variable)
	}
	for variable := range openers {
		t.Errorf("%s is not declared in internal/config/channels.go", variable)
	}
}
