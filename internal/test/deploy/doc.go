// Package deploy holds the ways to deploy Sleuth against Sleuth: the
// Terraform module, the CloudFormation template and the manifests are compared
// with the settings and the policy that the code has, and really applied, to
// moto. It has tests only.
package deploy
