# A whole organization: the role in a member account first, then the deployment in
# the home account, the management account or a delegated administrator. The role
# trusts the deployment's by its name, so it can be there before it.
#
# For all accounts at once, deploy the role as a StackSet: see docs/organization.md.

variable "zip_file" {
  description = "Path of the zip, from a release or from make lambda."
  type        = string
}

variable "member_account" {
  description = "Id of an account of the organization. Repeat the provider and the module below for each that Terraform manages."
  type        = string
}

variable "external_id" {
  description = "A text of your own, which whoever assumes the role must give."
  type        = string
}

variable "region" {
  description = "Region to deploy to. IAM is the same in all of them."
  type        = string
  default     = "us-east-1"
}

terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

provider "aws" {
  region = var.region
}

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

locals {
  name = "iam-sleuth"
}

# The role that Organizations makes in accounts that it creates.
provider "aws" {
  alias  = "member"
  region = var.region

  assume_role {
    role_arn = "arn:${data.aws_partition.current.partition}:iam::${var.member_account}:role/OrganizationAccountAccessRole"
  }
}

module "member" {
  source    = "../../modules/member-role"
  providers = { aws = aws.member }

  function_role_arn  = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${local.name}"
  external_id        = var.external_id
  enable_auto_expire = true
}

module "sleuth" {
  source = "../.."

  name     = local.name
  zip_file = var.zip_file

  accounts    = ["organization"]
  member_role = module.member.member_role
  external_id = var.external_id
  notify_mode = "digest"

  enable_auto_expire = true
  max_disable        = "10"
  slack_url          = "ssm:/sleuth/slack-url"
}

output "function_name" {
  description = "Name of the function."
  value       = module.sleuth.function_name
}

output "state" {
  description = "SLEUTH_STATE for sleuth reactivate and sleuth state."
  value       = module.sleuth.state
}

output "dead_letter_queue_url" {
  description = "URL of the queue with the events of failed runs."
  value       = module.sleuth.dead_letter_queue_url
}
