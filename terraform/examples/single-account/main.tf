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

# The people, and how to mention them in Slack: a person by the member id, a
# group as subteam- and its id.
resource "aws_iam_user" "tfunke" {
  name = "tfunke"
  tags = {
    Name  = "Tobias Funke"
    Slack = "UPML12345"
  }
}

module "iam_sleuth" {
  source = "../.."

  name     = "iam_sleuth"
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

  # The parameter's name, where aws-iam-sleuth read its value into the state:
  #   aws ssm put-parameter --name /iam_sleuth/slack_url --type SecureString --value file://webhook.txt
  slack_url = "ssm:/iam_sleuth/slack_url"
  sns_topic = ""

  tags = {
    "Service" = "iam_sleuth"
  }
}

output "function_name" {
  description = "Name of the function."
  value       = module.iam_sleuth.function_name
}
