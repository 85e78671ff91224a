package deploy

import (
	gocmp "cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	texttemplate "text/template"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/iam-sleuth/sleuth/internal/config"
)

// deployedChannel is a channel as the Terraform module and the template have it.
type deployedChannel struct {
	config.Channel
	Help   string // of its setting
	Secret bool
}

// deployedChannels are all that internal/config declares.
func deployedChannels(t *testing.T) []deployedChannel {
	t.Helper()
	fields := map[string]reflect.StructField{}
	for field := range reflect.TypeFor[config.Channels]().Fields() {
		fields[field.Tag.Get("setting")] = field
	}
	var channels []deployedChannel
	for _, declared := range config.DeclaredChannels() {
		field, found := fields[declared.Variable]
		if !found {
			t.Fatalf("config.Channels has no field for %s", declared.Variable)
		}
		channels = append(channels, deployedChannel{declared, field.Tag.Get("help"), field.Type == reflect.TypeFor[config.SecretText]()})
	}
	return channels
}

// Input is the channel's variable in the module, Parameter that in the template.
func (c deployedChannel) Input() string     { return inModule(c.Variable) }
func (c deployedChannel) Parameter() string { return inTemplate(c.Variable) }

// inTemplate is the name of a setting's parameter in CloudFormation's template.
func inTemplate(setting string) string {
	var name strings.Builder
	for word := range strings.SplitSeq(inModule(setting), "_") {
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return name.String()
}

// IsARN reports whether the setting names the resource that messages go to.
func (c deployedChannel) IsARN() bool { return strings.HasPrefix(c.Pattern, "^arn:") }

// Narrow is the pattern that the template takes.
func (c deployedChannel) Narrow() string {
	if c.TemplatePattern != "" {
		return c.TemplatePattern
	}
	return c.Pattern
}

var anySetting = regexp.MustCompile(`\b[A-Z]+(_[A-Z]+)+\b`)

// described is the help of the setting, with other settings under the names
// that they have there.
func (c deployedChannel) described(named func(string) string) string {
	help, _, _ := strings.Cut(c.Help, " May be ssm:")
	if first, _, _ := strings.Cut(help, " "); first != "Slack" && first[1:] == strings.ToLower(first[1:]) {
		help = strings.ToLower(help[:1]) + help[1:]
	}
	return c.Variable + ": " + anySetting.ReplaceAllStringFunc(help, func(name string) string {
		if slices.Contains(settingNames(), name) {
			return named(name)
		}
		return name
	})
}

func (c deployedChannel) InputHelp() string     { return c.described(inModule) }
func (c deployedChannel) ParameterHelp() string { return c.described(inTemplate) }

// Words joins a setting's words by hyphens.
func (c deployedChannel) Words() string { return strings.ReplaceAll(c.Input(), "_", "-") }

const moduleChannels = `# Where people are notified. Written by 'make docs' from internal/config/channels.go;
# do not edit.

{{range . -}}
variable "{{.Input}}" {
{{- if .Secret}}
  description = "{{.InputHelp}} Give where it is kept, as \"ssm:/parameter/name\" or \"secretsmanager:secret-id\"{{with .Literal}}, or \"{{.}}\"{{end}}. The secret itself is refused: it would be in the state and in the function's environment for all to read."
  type        = string
  default     = null

  validation {
    condition     = var.{{.Input}} == null ? true : can(regex("^${{with .Literal}}|^{{.}}${{end}}|^(ssm|secretsmanager):[^[:space:]]+$", var.{{.Input}}))
    error_message = "{{.Input}} must be ssm:/parameter/name or secretsmanager:secret-id, naming where it is kept{{with .Literal}}, or {{.}}{{end}}. Do not give the secret itself: put it into a parameter or a secret first."
  }
{{- else}}
  description = "{{.InputHelp}}"
  type        = string
  default     = null

  validation {
    condition     = var.{{.Input}} == null ? true : can(regex("^$|{{.Pattern}}", var.{{.Input}}))
    error_message = "{{.Input}} must be {{.Form}}."
  }
{{- end}}
}

{{end -}}
locals {
  channels = compact([{{range $i, $c := .}}{{if $i}}, {{end}}var.{{.Input}}{{end}}])

  # Of them, those whose settings may be kept elsewhere.
  channel_secrets = compact([{{range $i, $c := secrets .}}{{if $i}}, {{end}}var.{{.Input}}{{end}}])

  channel_environment = {
{{- range .}}
    {{printf "%-*s" (widest $) .Variable}} = var.{{.Input}}
{{- end}}
  }

  # The calls that deliver messages, by the name of the statement that allows them.
  channel_calls = {
{{- range calls .}}
    {{printf "%-*s" (widestSid $) .Sid}} = { action = "{{.Action}}", targets = compact([var.{{.Input}}]) }
{{- end}}
  }
}
`

// templateParts are the parts of the template that come from the declarations,
// by the marks around them.
var templateParts = map[string]string{
	"channels in the form": `{{range .}}          - {{.Parameter}}
{{end}}`,
	"channels": `{{range .}}  {{.Parameter}}:
    Type: String
{{- if .Secret}}
    Description: "{{.ParameterHelp}} Give the parameter that it is kept in, as ssm:/parameter/name. Empty: none."
    Default: ""
    AllowedPattern: "^$|^ssm:/[A-Za-z0-9_./-]+$"
    ConstraintDescription: must be ssm:/parameter/name, naming where it is kept; do not give the secret itself
{{- else}}
    Description: "{{.ParameterHelp}} Empty: none."
    Default: ""
    AllowedPattern: "^$|{{.Narrow}}"
    ConstraintDescription: "must be {{.Form}}{{if .TemplatePattern}}, without a name before it{{end}}"
{{- end}}
{{end}}`,
	"channels that are set": `{{range .}}          - !Not [!Equals [!Ref {{.Parameter}}, ""]]
{{end}}`,
	"conditions of channels": `{{range .}}  Has{{.Parameter}}: !Not [!Equals [!Ref {{.Parameter}}, ""]]
{{end}}  HasParameters: !Not [!Equals [!Join ["", [{{range $i, $c := secrets .}}{{if $i}}, {{end}}!Ref {{.Parameter}}{{end}}]], ""]]
`,
	"environment of channels": `{{range .}}          {{.Variable}}: !If [Has{{.Parameter}}, !Ref {{.Parameter}}, !Ref AWS::NoValue]
{{end}}`,
	"policies of channels": `{{range calls .}}  {{.Parameter}}Policy:
    Type: AWS::IAM::Policy
    Condition: Has{{.Parameter}}
    Properties:
      Roles: [!Ref Role]
      PolicyName: sleuth-{{.Words}}
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Sid: {{.Sid}}
            Effect: Allow
            Action: {{.Action}}
{{- if .IsARN}}
            Resource: !Ref {{.Parameter}}
{{- else}}
            Resource:
              # SES asks for the identity that it has verified: the address, or its domain.
              - !Sub "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/{{"${"}}{{.Parameter}}}"
              - !Sub
                - "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/${Domain}"
                - Domain: !Select [1, !Split ["@", !Ref {{.Parameter}}]]
{{- end}}

{{end}}  SecretsPolicy:
    Type: AWS::IAM::Policy
    Condition: HasParameters
    Properties:
      Roles: [!Ref Role]
      PolicyName: sleuth-secrets
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Sid: ReadParameters
            Effect: Allow
            Action: ssm:GetParameter
            Resource:
{{- range secrets .}}
              - !If
                - Has{{.Parameter}}
                - !Sub
                  - "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${Name}"
                  - Name: !Join ["", !Split ["ssm:/", !Ref {{.Parameter}}]] # what follows "ssm:/"
                - !Ref AWS::NoValue
{{- end}}
`,
}

// sample is a value of the setting, as a deployment gives it.
func (c deployedChannel) sample() string {
	if c.Secret {
		return "ssm:/sleuth/" + c.Words()
	}
	_, example, _ := strings.Cut(c.Form, "such as ")
	example, _, _ = strings.Cut(example, " or ")
	return example
}

// refusals of a channel's setting: of a secret given as its value, of a value
// in another form.
func (c deployedChannel) refusals() []refusal {
	if c.Secret {
		return []refusal{strict(one(c.Input(), "https://example.com/the-secret-itself", c.Input()+" must be ssm:/parameter/name or secretsmanager:secret-id, naming where it is kept"))}
	}
	return []refusal{one(c.Input(), "-", c.Input()+" must be "+c.Form+".")}
}

// servicePrefix is what a service is called in policies, if that is not the name
// of its package in the SDK.
var servicePrefix = map[string]string{"sesv2": "ses", "eventbridge": "events"}

// TestEveryCallOfAChannelIsDeclared: the calls are those whose inputs the channel's
// package names; a declaration has each make its way into the policy, wherever
// Sleuth is deployed.
func TestEveryCallOfAChannelIsDeclared(t *testing.T) {
	t.Parallel()
	declared, called := map[string]bool{}, map[string]bool{}
	for _, channel := range config.DeclaredChannels() {
		declared[channel.Action] = channel.Action != ""
	}
	files, err := filepath.Glob(filepath.Join(root, "internal", "notify", "*", "*.go"))
	check(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		check(t, err)
		services := servicesOf(parsed)
		ast.Inspect(parsed, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			input, isInput := strings.CutSuffix(selector.Sel.Name, "Input")
			if from, ok := selector.X.(*ast.Ident); ok && isInput && services[from.Name] != "" {
				called[services[from.Name]+":"+input] = true
			}
			return true
		})
	}
	if diff := cmp.Diff(declared, called, cmpopts.IgnoreMapEntries(func(_ string, is bool) bool { return !is })); diff != "" {
		t.Errorf("actions in internal/config/channels.go (-declared +called in internal/notify):\n%s", diff)
	}
}

// servicesOf is the AWS services that a file imports, by the names that it has
// for them.
func servicesOf(file *ast.File) map[string]string {
	services := map[string]string{}
	for _, spec := range file.Imports {
		service, is := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), "github.com/aws/aws-sdk-go-v2/service/")
		if !is || strings.Contains(service, "/") {
			continue
		}
		name := service
		if spec.Name != nil {
			name = spec.Name.Name
		}
		services[name] = gocmp.Or(servicePrefix[service], service)
	}
	return services
}

// expand fills a text's gaps with the channels.
func expand(t *testing.T, text string, channels []deployedChannel) string {
	t.Helper()
	only := func(keep func(deployedChannel) bool) func([]deployedChannel) []deployedChannel {
		return func(all []deployedChannel) []deployedChannel {
			return slices.DeleteFunc(slices.Clone(all), func(c deployedChannel) bool { return !keep(c) })
		}
	}
	widest := func(length func(deployedChannel) int) func([]deployedChannel) int {
		return func(all []deployedChannel) int {
			return length(slices.MaxFunc(all, func(a, b deployedChannel) int { return length(a) - length(b) }))
		}
	}
	functions := texttemplate.FuncMap{
		"secrets":   only(func(c deployedChannel) bool { return c.Secret }),
		"calls":     only(func(c deployedChannel) bool { return c.Action != "" }),
		"widest":    widest(func(c deployedChannel) int { return len(c.Variable) }),
		"widestSid": widest(func(c deployedChannel) int { return len(c.Sid) }),
	}
	var out strings.Builder
	check(t, texttemplate.Must(texttemplate.New("").Funcs(functions).Parse(text)).Execute(&out, channels))
	return out.String()
}

// The channels' parts of the module and the template are those that the
// declarations make.
func TestChannelTables(t *testing.T) { //nolint:paralleltest // -update writes what other tests read
	channels := deployedChannels(t)
	const file = "terraform/channels.tf"
	want := expand(t, moduleChannels, channels)
	if *update {
		check(t, os.WriteFile(filepath.Join(root, file), []byte(want), 0o644)) //nolint:gosec // for all to read
	} else if diff := cmp.Diff(want, read(t, file)); diff != "" {
		t.Errorf("%s has drifted; run 'make docs' (-want +got):\n%s", file, diff)
	}
	for mark, text := range templateParts {
		body := expand(t, text, channels)
		indent := body[:len(body)-len(strings.TrimLeft(body, " "))]
		rewriteBetween(t, template, fmt.Sprintf("%s# %s: written by 'make docs'; do not edit\n", indent, mark), fmt.Sprintf("%s# end of %s\n", indent, mark), body)
	}
}

// TestEveryCallOfAChannelIsInTheDocumentation: its row says which setting adds it.
func TestEveryCallOfAChannelIsInTheDocumentation(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/deploy.md")
	for _, channel := range config.DeclaredChannels() {
		if row := fmt.Sprintf("\n| `%s` | %s | ", channel.Variable, channel.Action); channel.Action != "" && !strings.Contains(page, row) {
			t.Errorf("docs/deploy.md has no row that begins with %q", row)
		}
	}
}
