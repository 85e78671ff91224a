# Slack and SNS: people are notified in Slack, and the same notices go through a
# topic to whatever subscribes to it, here a queue. Keys are disabled, carefully.

variable "zip_file" {
  description = "Path of the zip, from a release or from make lambda."
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

# AWS's own key for SNS: whoever may publish to the topic may use it.
resource "aws_sns_topic" "keys" {
  name              = "access-key-notices"
  kms_master_key_id = "alias/aws/sns"
}

data "aws_iam_policy_document" "keys" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = ["*"] # the queue that this is the policy of
    principals {
      type        = "Service"
      identifiers = ["sns.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_sns_topic.keys.arn]
    }
  }
}

resource "aws_sqs_queue" "keys" {
  name                    = "access-key-notices"
  policy                  = data.aws_iam_policy_document.keys.json
  sqs_managed_sse_enabled = true
}

resource "aws_sns_topic_subscription" "keys" {
  topic_arn            = aws_sns_topic.keys.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.keys.arn
  raw_message_delivery = true
}

# What the alarms notify. Not the topic above: that one is for key owners.
# CloudWatch cannot use AWS's own key for SNS, so this topic has one that it can.
resource "aws_sns_topic" "operators" {
  name              = "iam-sleuth-operators"
  kms_master_key_id = aws_kms_key.operators.arn
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_iam_policy_document" "operators_key" {
  statement {
    sid       = "AccountDecides"
    actions   = ["kms:*"]
    resources = ["*"] # the key that this is the policy of
    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
  statement {
    sid       = "AlarmsPublish"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey*"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_kms_key" "operators" {
  description             = "Messages of alarms about iam-sleuth"
  enable_key_rotation     = true
  deletion_window_in_days = 7
  policy                  = data.aws_iam_policy_document.operators_key.json
}

module "sleuth" {
  source = "../.."

  zip_file = var.zip_file

  schedule_timezone = "Europe/Berlin"
  alarm_actions     = [aws_sns_topic.operators.arn]

  enable_auto_expire = true
  max_disable        = "50%"
  remind_at          = [30, 14, 7, 3, 1]

  slack_url = "secretsmanager:sleuth/slack-url"
  sns_topic = aws_sns_topic.keys.arn

  tags = {
    Service = "iam-sleuth"
  }
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

output "queue_url" {
  description = "URL of the queue that receives the notices."
  value       = aws_sqs_queue.keys.url
}
