package notify

// The default templates. docs/messages.md shows them.

// sentence is aws-iam-sleuth's line about a key, word for word, with "1 day" in
// the singular. Other programs read it: its wording is a contract.
const sentence = `{{.Mention}}'s key` +
	`{{if eq .Kind "leaked_disabled"}} {{.Key}} was found in public and is disabled.` +
	`{{else if eq .Kind "leaked_active"}} {{.Key}} was found in public and is still active.` +
	`{{else if eq .Kind "disabled"}} is disabled due to {{.Reason}}.` +
	`{{else if eq .Kind "past_limit"}} is past its limit due to {{.Reason}}.` +
	`{{else if eq .Kind "deleting"}}, disabled due to {{.Reason}}, will be deleted in {{.Days}} {{if eq .Days 1}}day{{else}}days{{end}}.` +
	`{{else if eq .Kind "deleted"}}, disabled due to {{.Reason}}, is deleted.` +
	`{{else}} expires in {{.Days}} {{if eq .Days 1}}day{{else}}days{{end}} due to {{.Reason}}.{{end}}`

// corrections are sentences without which the sentence would mislead.
const corrections = `{{with .EarlierLimit}} It expires sooner, in {{.Days}} {{if eq .Days 1}}day{{else}}days{{end}}, due to {{.Reason}}.{{end}}` +
	`{{with .Note}} {{.}}{{end}}`

// defaultLine is the sentence and one more with the details of the key.
const defaultLine = sentence + corrections +
	`{{$when := ""}}{{if eq .Kind "expiring"}}{{$when = "reaches its limit"}}{{if .Disables}}{{$when = "will be disabled"}}{{end}}` +
	`{{else if or (eq .Kind "disabled") (eq .Kind "leaked_disabled")}}{{$when = "was disabled"}}` +
	`{{else if eq .Kind "deleting"}}{{$when = "will be deleted"}}{{else if eq .Kind "deleted"}}{{$when = "was deleted"}}{{end}}` +
	` Key {{.Key}}{{with .Description}} ("{{.}}"){{end}}{{if not (or (and $when .Date) .Used)}} is{{end}} in {{.Account}}` +
	`{{if and $when .Date}} {{$when}}{{if .NotBefore}}, but not before{{else}} on{{end}} {{.Date}}{{with .Used}}; it {{.}}{{end}}{{else}}{{with .Used}} {{.}}{{end}}{{end}}.{{with .UsedBy}} {{.}}{{end}}`

// originalLine is only the sentence. It names the key only if the user has
// several, as two lines would be the same.
const originalLine = sentence + `{{if not (or (eq .Kind "leaked_disabled") (eq .Kind "leaked_active"))}}{{with .ShownKeyID}} It is key {{.}}.{{end}}{{end}}` + corrections

// The line break with a space on both sides is aws-iam-sleuth's own.
const defaultList = `{{$remedy := "Please rotate the key"}}{{if eq .Reason.String "inactivity"}}{{$remedy = "Please login to AWS"}}{{end}}` +
	`IAM users with access keys ` +
	`{{if eq .Kind "leaked_disabled"}}found in public and disabled. {{"\n"}} This is the final notice` +
	`{{else if eq .Kind "leaked_active"}}found in public. {{"\n"}} Disable the key at once; it is still active` +
	`{{else if eq .Kind "disabled"}}disabled due to {{.Reason}}. {{"\n"}} This is the final notice` +
	`{{else if eq .Kind "past_limit"}}past their limit due to {{.Reason}}. {{"\n"}} {{$remedy}}; the key is still active` +
	`{{else if eq .Kind "deleting"}}disabled due to {{.Reason}} that will be deleted. {{"\n"}} Tag the user KeyAutoExpire = False to keep a key` +
	`{{else if eq .Kind "deleted"}}deleted after they were disabled due to {{.Reason}}. {{"\n"}} A deleted key cannot be restored` +
	`{{else}}expiring due to {{.Reason}}. {{"\n"}} {{$remedy}} to prevent key from being disabled{{end}}`

const defaultPersonal = `{{define "in"}}{{if eq . 0}}today{{else if eq . 1}}in 1 day{{else}}in {{.}} days{{end}}{{end -}}
{{define "on"}}{{if .Date}}, {{if .NotBefore}}not before{{else}}on{{end}} {{.Date}}{{end}}{{end -}}
{{$disabled := ""}}{{$deletes := false}}{{$due := false}}{{$later := false}}{{$kept := false}}Hello {{.Name}},
{{range .Keys}}
{{if eq .Kind "leaked_disabled"}}Your AWS access key {{.Key}} was found in public. Sleuth disabled it{{with .Date}} on {{.}}{{end}}. This is the final notice.
{{else if eq .Kind "leaked_active"}}Your AWS access key {{.Key}} was found in public. It is still active: anyone who has it can use it.
{{else if eq .Kind "disabled"}}{{$disabled = print $disabled " " .Key}}{{if .Deletes}}{{$deletes = true}}{{end}}Your AWS access key {{.Key}} was disabled{{with .Date}} on {{.}}{{end}}, due to {{.Reason}}. This is the final notice.
{{else if eq .Kind "past_limit"}}Your AWS access key {{.Key}} is past its limit, due to {{.Reason}}. It is still active.
{{else if eq .Kind "deleting"}}Your AWS access key {{.Key}}, which Sleuth disabled due to {{.Reason}}, will be deleted {{template "in" .Days}}{{template "on" .}}.
{{else if eq .Kind "deleted"}}Your AWS access key {{.Key}}, which Sleuth had disabled due to {{.Reason}}, was deleted{{with .Date}} on {{.}}{{end}}. You get no more notices about it.
{{else}}{{if .Disables}}{{$due = true}}{{if .NotBefore}}{{$later = true}}{{end}}{{else}}{{$kept = true}}{{end}}Your AWS access key {{.Key}} {{if .Disables}}expires{{else}}reaches its limit{{end}} {{if .EarlierLimit}}{{template "in" .EarlierLimit.Days}}{{template "on" .}}, due to {{.EarlierLimit.Reason}}; and {{template "in" .Days}} due to {{.Reason}}{{else}}{{template "in" .Days}}{{template "on" .}}, due to {{.Reason}}{{end}}.
{{end}}It belongs to user {{.User}} in {{.Account}}{{with .Created}}, and was created on {{.}}{{end}}{{with .Used}}; it {{.}}{{end}}.{{with .Description}} Its description is "{{.}}".{{end}}
{{with .Pair}}{{.}}
{{end}}{{with .Callers}}{{.}}
{{end}}{{with .Note}}{{.}}
{{end}}{{end}}{{range .Instructions}}
{{with .Title}}{{.}}
{{end}}{{with .Text}}{{.}}
{{end}}{{end}}
What happens next:
{{if .Has "leaked_active"}}- A key that was found in public stays active until you or an administrator disable it. Do so now.
{{end}}{{if .Has "leaked_disabled"}}- Anything that uses a leaked key fails until it has a new one. Do not have the leaked key enabled again.
{{end}}{{if or (.Has "leaked_active") (.Has "leaked_disabled")}}- If access is denied to you, ask an administrator: AWS may have put your user in quarantine, which lets you neither disable a key nor create one.
- Sessions that were made from a leaked key live for up to 36 hours, even after it is disabled. Ask an administrator to end them.
{{end}}{{with $disabled}}- Anything that uses a disabled key fails until it has a new one.
- {{if $deletes}}A disabled key is deleted later, after a warning. Until then an administrator can enable it again.{{else}}A disabled key is not deleted, and an administrator can enable it again.{{end}} To get it back for a week, ask them to run: sleuth reactivate{{.}} --grace 7d
{{end}}{{if .Has "past_limit"}}- You are reminded of a key past its limit until you replace and delete it.
{{end}}{{if .Has "deleting"}}- A key is not deleted if, by then, its user's tag KeyAutoExpire is False or it was enabled again.
- A deleted key cannot be restored, by anybody.
{{end}}{{if .Has "deleted"}}- A deleted key cannot be restored, by anybody. Whatever still has it needs a new key.
{{end}}{{if $due}}- A key that expires is disabled at that time{{if $later}} or later{{end}}, and you get a final notice. If you replace and delete it before then, the reminders stop.
{{end}}{{if $kept}}- A key that reaches its limit stays active, and you are reminded of it until you replace and delete it.
{{end}}`

const defaultSubject = `{{$key := index .Keys 0}}` +
	`{{if or (.Has "leaked_disabled") (.Has "leaked_active")}}Urgent: {{if gt (len .Keys) 1}}AWS access keys of yours were{{else}}your AWS access key {{$key.Key}} was{{end}} found in public{{if not (.Has "leaked_active")}} and disabled{{end}}` +
	`{{else if gt (len .Keys) 1}}{{len .Keys}} of your AWS access keys need your attention` +
	`{{else if eq $key.Kind "disabled"}}Your AWS access key {{$key.Key}} was disabled` +
	`{{else if eq $key.Kind "past_limit"}}Your AWS access key {{$key.Key}} is past its limit` +
	`{{else if eq $key.Kind "deleting"}}Your AWS access key {{$key.Key}} will be deleted {{if eq $key.Days 0}}today{{else if eq $key.Days 1}}in 1 day{{else}}in {{$key.Days}} days{{end}}` +
	`{{else if eq $key.Kind "deleted"}}Your AWS access key {{$key.Key}} was deleted` +
	`{{else}}{{$days := $key.Days}}{{with $key.EarlierLimit}}{{$days = .Days}}{{end}}Your AWS access key {{$key.Key}} {{if $key.Disables}}expires{{else}}reaches its limit{{end}} ` +
	`{{if eq $days 0}}today{{else if eq $days 1}}in 1 day{{else}}in {{$days}} days{{end}}{{end}}`
