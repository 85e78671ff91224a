package cli

import (
	"os"
	"path/filepath"

	"github.com/iam-sleuth/sleuth/internal/config"
)

// stateOnThisMachine is where state is kept outside Lambda if SLEUTH_STATE says
// nothing: a file in the user's state folder.
// https://specifications.freedesktop.org/basedir-spec/latest/
func (a *console) stateOnThisMachine() config.StateChoice {
	folder, _ := a.lookup("XDG_STATE_HOME")
	if !filepath.IsAbs(folder) {
		home, err := os.UserHomeDir()
		if err != nil {
			return config.StateChoice{Kind: config.StateNone}
		}
		folder = filepath.Join(home, ".local", "state")
	}
	return config.StateChoice{Kind: config.StateFile, Name: filepath.Join(folder, "sleuth", "state.db")}
}
