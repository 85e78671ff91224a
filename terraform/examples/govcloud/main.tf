# GovCloud: the same module in another partition, with what such accounts tend
# to ask for: a permissions boundary, and x86_64.

variable "zip_file" {
  description = "Path of the zip for x86_64, from a release or from make lambda."
  type        = string
}

variable "region" {
  description = "Region to deploy to. IAM is the same in all of them."
  type        = string
  default     = "us-gov-west-1"
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

# Stands for the boundary that your organization has. It bounds, and grants
# nothing.
data "aws_iam_policy_document" "boundary" {
  statement {
    actions = [
      "dynamodb:*", "iam:Get*", "iam:List*", "iam:UpdateAccessKey", "kms:Decrypt", "kms:GenerateDataKey",
      "lambda:InvokeFunction", "logs:*", "sns:Publish", "sqs:SendMessage", "ssm:GetParameter", "sts:GetCallerIdentity",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_policy" "boundary" {
  name   = "iam-sleuth-boundary"
  policy = data.aws_iam_policy_document.boundary.json
}

resource "aws_sns_topic" "keys" {
  name              = "access-key-notices"
  kms_master_key_id = "alias/aws/sns"
}

module "sleuth" {
  source = "../.."

  zip_file     = var.zip_file
  architecture = "x86_64"

  schedule_timezone    = "America/New_York"
  permissions_boundary = aws_iam_policy.boundary.arn

  enable_auto_expire = true
  max_disable        = "10"
  slack_url          = "ssm:/sleuth/slack-url"
  sns_topic          = aws_sns_topic.keys.arn
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

output "topic_arn" {
  description = "ARN of the topic through which owners are notified."
  value       = aws_sns_topic.keys.arn
}
