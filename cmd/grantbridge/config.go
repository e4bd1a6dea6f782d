package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"grantbridge/cmd/grantbridge/internal/config"
)

func (a *app) configCommand() *cobra.Command {
	return group("config", "check and show the configuration",
		&cobra.Command{
			Use: "check [FILE]", Short: "read the configuration strictly", Args: words("[FILE]"),
			Long: "Check needs every variable that the file names, as serve does. FILE is that of\n--config when left out, and - is standard input, whose paths are relative to this\ndirectory.",
			RunE: func(_ *cobra.Command, args []string) error { return a.configCheck(args) },
		},
		&cobra.Command{
			Use: "print", Short: "print the configuration in effect, secrets masked", Args: words(),
			RunE: func(*cobra.Command, []string) error { return a.configPrint() },
		},
		&cobra.Command{
			Use: "schema", Short: "print the JSON Schema of the file, for editors", Args: words(),
			RunE: func(*cobra.Command, []string) error { return a.configSchema() },
		},
	)
}

func (a *app) configCheck(args []string) error {
	l, err := a.configToCheck(args)
	if err != nil {
		return err
	}
	if l.File == "" {
		return invalid(fmt.Errorf("there is no config.yaml here; name the file: grantbridge config check FILE"))
	}
	for _, w := range warnings(l) {
		a.note("%s: warning: %s", l.File, w)
	}
	a.say("%s is right: %s, %s, store %s", l.File, count(len(l.Sources), "source"), count(len(l.Sites), "site"), config.MaskDSN(l.Store))
	return nil
}

func (a *app) configToCheck(args []string) (*config.Loaded, error) {
	if len(args) == 0 {
		return a.load(config.Whole)
	}
	if a.configFile = args[0]; a.configFile != "-" {
		return a.load(config.Whole)
	}
	text, err := a.readInput("-")
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	l, err := config.Parse("-", text, a.env, config.Whole)
	return a.withStore(l, err)
}

// warnings are what works and should not stay, in the file and beside it.
func warnings(l *config.Loaded) []string { return append(l.Warnings(), l.Misspelt(os.Environ())...) }

func (a *app) configPrint() error {
	l, err := a.load(config.Part)
	if err != nil {
		return err
	}
	if a.people() || a.format == asYAML {
		b, err := l.YAML()
		if err == nil {
			_, err = a.out.Write(b)
		}
		return err
	}
	v, err := l.JSON()
	if err != nil {
		return err
	}
	return a.encode(v)
}

func (a *app) configSchema() error {
	b, err := config.Schema()
	if err != nil {
		return err
	}
	return a.show(json.RawMessage(b), func(w io.Writer) { fmt.Fprintf(w, "%s\n", b) })
}
