package notify

// The default templates. docs/style.md has the rules that they keep.
//
// Other programs read the lines, so their wording is a contract: it is the
// original's, "in 1 days" included.
const defaultLine = `{{.Mention}}'s key` +
	`{{if eq .Kind "leaked"}} {{.Key}} was found in public and is disabled.` +
	`{{else if eq .Kind "exposed"}} {{.Key}} was found in public and is still active.` +
	`{{else}}{{with .NamedKey}} {{.}}{{end}} ` +
	`{{if eq .Kind "disabled"}}is disabled{{else if eq .Kind "past_limit"}}is past its limit{{else}}expires in {{.Days}} days{{end}}` +
	` due to {{.Reason}}.{{end}}` +
	`{{with .Sooner}} It expires sooner, in {{.Days}} days, due to {{.Reason}}.{{end}}` +
	`{{with .Aside}} {{.}}{{end}}`

// The line break with a space on both sides is the original's own.
const defaultList = `{{$remedy := "Please rotate the key"}}{{if eq .Reason.String "inactivity"}}{{$remedy = "Please login to AWS"}}{{end}}` +
	`IAM users with access keys ` +
	`{{if eq .Kind "leaked"}}found in public and disabled. {{"\n"}} This is the final notice` +
	`{{else if eq .Kind "exposed"}}found in public. {{"\n"}} Disable the key at once; it is still active` +
	`{{else if eq .Kind "disabled"}}disabled due to {{.Reason}}. {{"\n"}} This is the final notice` +
	`{{else if eq .Kind "past_limit"}}past their limit due to {{.Reason}}. {{"\n"}} {{$remedy}}; the key is still active` +
	`{{else}}expiring due to {{.Reason}}. {{"\n"}} {{$remedy}} to prevent key from being disabled{{end}}`

const defaultPersonal = `{{define "in"}}{{if eq . 0}}today{{else if eq . 1}}in 1 day{{else}}in {{.}} days{{end}}{{end -}}
Hello {{.Name}},
{{range .Keys}}
{{if eq .Kind "leaked"}}Your AWS access key {{.Key}} was found in public. Sleuth disabled it{{with .Date}} on {{.}}{{end}}. This is the final notice.
{{else if eq .Kind "exposed"}}Your AWS access key {{.Key}} was found in public. It is still active: whoever has it can use it.
{{else if eq .Kind "disabled"}}Your AWS access key {{.Key}} was disabled{{with .Date}} on {{.}}{{end}}, due to {{.Reason}}. This is the final notice.
{{else if eq .Kind "past_limit"}}Your AWS access key {{.Key}} is past its limit, due to {{.Reason}}. It is still active.
{{else if .Sooner}}Your AWS access key {{.Key}} expires {{template "in" .Sooner.Days}}{{with .Date}}, on {{.}}{{end}}, due to {{.Sooner.Reason}}; and {{template "in" .Days}} due to {{.Reason}}.
{{else}}Your AWS access key {{.Key}} expires {{template "in" .Days}}{{with .Date}}, on {{.}}{{end}}, due to {{.Reason}}.
{{end}}It belongs to user {{.User}} in {{.Account}}{{with .Created}}, and was created on {{.}}{{end}}{{with .LastUsed}}; it was last used on {{.}}{{end}}.
{{with .Aside}}{{.}}
{{end}}{{end}}{{range .Instructions}}
{{with .Title}}{{.}}
{{end}}{{with .Text}}{{.}}
{{end}}{{end}}
What happens next:
{{if .Has "exposed"}}- A key that was found in public stays active until you or an administrator disable it. Do so now.
{{end}}{{if .Has "leaked"}}- What used a leaked key fails until it has a new one. Do not have the leaked key enabled again.
{{end}}{{if or (.Has "exposed") (.Has "leaked")}}- If access is denied to you, ask an administrator: AWS may have put your user in quarantine, which lets you neither disable a key nor create one.
- Sessions that were made from a leaked key live for up to 36 hours, even after it is disabled. Ask an administrator to end them.
{{end}}{{if .Has "disabled"}}- What used a disabled key fails until it has a new one. The key itself is not deleted; an administrator can enable it again.
{{end}}{{if .Has "past_limit"}}- A key past its limit stays on this list until it is replaced and deleted.
{{end}}{{if .Has "expiring"}}{{if .Disables}}- A key that expires is disabled at that time, and you get a final notice. Put a new key in its place and delete the old one before then, and you hear no more of it.
{{else}}- Put a new key in the place of one that expires and delete the old one, and you hear no more of it.
{{end}}{{end}}`

const defaultSubject = `{{$key := index .Keys 0}}` +
	`{{if or (.Has "leaked") (.Has "exposed")}}Urgent: {{if gt (len .Keys) 1}}AWS access keys of yours were{{else}}your AWS access key {{$key.Key}} was{{end}} found in public{{if not (.Has "exposed")}} and disabled{{end}}` +
	`{{else if gt (len .Keys) 1}}{{len .Keys}} of your AWS access keys need your attention` +
	`{{else if eq $key.Kind "disabled"}}Your AWS access key {{$key.Key}} was disabled` +
	`{{else if eq $key.Kind "past_limit"}}Your AWS access key {{$key.Key}} is past its limit` +
	`{{else}}{{$days := $key.Days}}{{with $key.Sooner}}{{$days = .Days}}{{end}}Your AWS access key {{$key.Key}} expires ` +
	`{{if eq $days 0}}today{{else if eq $days 1}}in 1 day{{else}}in {{$days}} days{{end}}{{end}}`
