package callers

import (
	"regexp"
	"strings"
)

// Place is where a caller runs, as far as its user agent and address say.
type Place string

// The places.
const (
	GitHub   Place = "github_actions"
	Pipeline Place = "pipeline" // another hosted CI service
	Lambda   Place = "lambda"
	ECS      Place = "ecs"
	EC2      Place = "ec2"
	Computer Place = "computer" // a person's
	Outside  Place = "outside"  // a machine outside AWS
	Service  Place = "service"  // an AWS service, for the user
	Unknown  Place = ""
)

// Advice says in one line how a caller does without a key; empty if nothing can
// be said.
func (c Caller) Advice() string {
	switch c.Place {
	case GitHub:
		return "GitHub Actions can get short-lived credentials from AWS through OIDC, without a key."
	case Pipeline:
		return "A hosted pipeline can get short-lived credentials from AWS through OIDC, without a key."
	case Lambda:
		return "A Lambda function gets credentials from its execution role, without a key."
	case ECS:
		return "An ECS task gets credentials from its task role, without a key."
	case EC2:
		return "An EC2 instance gets credentials from its instance role, without a key."
	case Computer:
		return "A person's computer gets short-lived credentials from IAM Identity Center (aws sso login), without a key."
	case Outside:
		return "A machine outside AWS gets short-lived credentials from IAM Roles Anywhere, without a key."
	case Service, Unknown:
	}
	return ""
}

// mark is a part of a user agent, in lower case, that identifies a program or
// a place.
type mark struct{ part, name string }

// programs are the marks of programs, those that use others' SDKs first.
func programs() []mark {
	return []mark{
		{"terraform", "Terraform"}, {"opentofu", "OpenTofu"}, {"pulumi", "Pulumi"}, {"ansible", "Ansible"}, {"packer/", "Packer"},
		{"serverless", "Serverless Framework"}, {"aws-cdk", "AWS CDK"}, {"aws-sam", "AWS SAM"},
		{"aws-cli/", "aws-cli"}, {"awspowershell", "AWS Tools for PowerShell"}, {"aws-tools-powershell", "AWS Tools for PowerShell"},
		{"cyberduck", "Cyberduck"}, {"s3 browser", "S3 Browser"}, {"rclone", "rclone"}, {"s3cmd", "s3cmd"}, {"s5cmd", "s5cmd"},
		{"boto3/", "boto3"}, {"botocore/", "botocore"}, {"aws-sdk-go", "AWS SDK for Go"}, {"aws-sdk-java", "AWS SDK for Java"},
		{"aws-sdk-js", "AWS SDK for JavaScript"}, {"aws-sdk-nodejs", "AWS SDK for JavaScript"}, {"aws-sdk-ruby", "AWS SDK for Ruby"},
		{"aws-sdk-php", "AWS SDK for PHP"}, {"aws-sdk-dotnet", "AWS SDK for .NET"}, {"aws-sdk-net", "AWS SDK for .NET"},
		{"aws-sdk-rust", "AWS SDK for Rust"}, {"aws-sdk-cpp", "AWS SDK for C++"},
		{"aws-sdk-kotlin", "AWS SDK for Kotlin"}, {"aws-sdk-swift", "AWS SDK for Swift"}, {"boto/", "boto"},
		{"console.amazonaws", "the AWS console"}, {"signin.amazonaws", "the AWS console"},
	}
}

// placed is a mark of a place.
type placed struct {
	mark
	place Place
}

// places are the marks of places, the surest first. AWS_EXECUTION_ENV of Lambda
// and ECS stands in the agent, and kernels are named by who built them.
func places() []placed {
	return []placed{
		{mark{"github-actions", "GitHub Actions"}, GitHub}, {mark{"githubactions", "GitHub Actions"}, GitHub},
		{mark{"circleci", "CircleCI"}, Pipeline}, {mark{"gitlab", "GitLab CI"}, Pipeline}, {mark{"bitbucket", "Bitbucket Pipelines"}, Pipeline},
		{mark{"aws_lambda", "Lambda"}, Lambda}, {mark{"aws_ecs", "ECS"}, ECS},
		{mark{"exec-env/ec2", "EC2"}, EC2}, {mark{"cloudshell", "AWS CloudShell"}, Computer},
		{mark{"amzn", "Amazon Linux"}, EC2}, {mark{"microsoft", "Windows"}, Computer}, {mark{"wsl", "Windows"}, Computer},
		{mark{"darwin", "macOS"}, Computer}, {mark{"macos", "macOS"}, Computer}, {mark{"mac_os", "macOS"}, Computer}, {mark{"mac os", "macOS"}, Computer},
	}
}

// cloudKernel is the name of a Linux kernel that a distribution builds for one
// cloud, such as 6.5.0-1025-azure.
var cloudKernel = regexp.MustCompile(`linux[/#][0-9][0-9.]*-[0-9]+-(aws|azure|gcp|gke|oracle)\b`)

// identify names the program that made a call, and where it runs.
func identify(e Event) (client string, place Place) {
	agent := strings.ToLower(e.Agent)
	if isService(e.Source) {
		return clean(e.Source), Service
	}
	where := ""
	where, place = placeOf(agent)
	switch {
	case place != Unknown:
	case e.InVPC:
		place = EC2
	case isPublic(e.Source) && !strings.Contains(agent, "amazonaws.com"):
		place = Outside
	}
	client = programOf(agent)
	if client == "" {
		client = firstProduct(e.Agent)
	}
	switch {
	case place == GitHub || client == "":
		client = where
	case where != "":
		client += " on " + where
	}
	if client == "" {
		client = "an unknown program"
	}
	return clean(client), place
}

func programOf(agent string) string {
	for _, m := range programs() {
		if strings.Contains(agent, m.part) {
			return m.name
		}
	}
	return ""
}

func placeOf(agent string) (name string, place Place) {
	for _, m := range places() {
		if strings.Contains(agent, m.part) {
			return m.name, m.place
		}
	}
	if kernel := cloudKernel.FindStringSubmatch(agent); kernel != nil {
		switch kernel[1] {
		case "aws":
			return "EC2", EC2
		case "azure":
			return "Azure", Outside
		case "oracle":
			return "Oracle Cloud", Outside
		}
		return "Google Cloud", Outside
	}
	switch {
	case strings.Contains(agent, "windows") && strings.Contains(agent, "server"):
		return "Windows Server", Unknown
	case strings.Contains(agent, "windows"):
		return "Windows", Computer
	}
	return "", Unknown
}

// firstProduct is the first product of a user agent, without its version.
func firstProduct(agent string) string {
	product, _, _ := strings.Cut(strings.Trim(clean(agent), "[] "), "/")
	return strings.TrimSpace(product)
}
