# One account, Slack only: the sample of the Python original, line for line.
# What is left out there is what the module does by itself: handler, runtime,
# role policies, the release to download and the rule that starts it.

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

# Tags of your users say how to mention them in Slack: a person by the member id, a
# group as subteam- and its id. Of the sample:
#
#   resource "aws_iam_user" "tfunke" {
#     name = "tfunke"
#     tags = {
#       Name  = "Tobias Funke"
#       Slack = "UPML12345"
#     }
#   }

module "sleuth" {
  source = "../.."

  zip_file = var.zip_file
  timeout  = 500

  enable_auto_expire          = false
  expiration_age              = 90
  warning_age                 = 50
  expire_notification_title   = "Key Rotation Instructions"
  expire_notification_text    = "Please run.\n ```aws-vault rotate AWS-PROFILE```"
  inactivity_age              = 30
  inactivity_warning_age      = 20
  inactive_notification_title = "Key Usage Instructions to prevent key auto-disable"
  inactive_notification_text  = "Please run.\n ```aws-vault login AWS-PROFILE```"

  # The parameter's name; aws-iam-sleuth read its value into the state instead:
  #   aws ssm put-parameter --name /sleuth/slack-url --type SecureString --value file://webhook.txt
  slack_url = "ssm:/sleuth/slack-url"
  sns_topic = ""

  tags = {
    "Service" = "iam_sleuth"
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
