# Sends AWS Health's events about keys found in public on, from the region that
# they come in to the one that Sleuth's function is in.

terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "event_bus_arn" {
  description = "ARN of the event bus to send them to: the output leak_bus_arn of the deployment."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9/._-]+$", var.event_bus_arn))
    error_message = "event_bus_arn must be the ARN of an event bus: the output leak_bus_arn of the deployment, which needs leak_response."
  }
}

variable "name" {
  description = "Name of the rule and its role."
  type        = string
  default     = "iam-sleuth-leak-events"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{1,64}$", var.name))
    error_message = "name must be up to 64 letters, digits, points, hyphens and underscores."
  }
}

variable "alarm_actions" {
  description = "ARNs, in this region, of what the alarm notifies when an event could not be sent on."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_actions : can(regex("^arn:aws[a-z-]*:[a-z0-9-]+:", arn))])
    error_message = "alarm_actions must be ARNs."
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the role, where your organization asks for one."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null ? true : can(regex("^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/", var.permissions_boundary))
    error_message = "permissions_boundary must be the ARN of an IAM policy."
  }
}

variable "tags" {
  description = "Tags for everything that can have them."
  type        = map(string)
  default     = {}
}

data "aws_caller_identity" "current" {}

# The same pattern as that of the deployment's own rule.
resource "aws_cloudwatch_event_rule" "leaks" {
  name        = var.name
  description = "Keys that AWS has found in public, for Sleuth in another region."
  tags        = var.tags

  event_pattern = jsonencode({
    source        = ["aws.health"]
    "detail-type" = ["AWS Health Event", "AWS Health Abuse Event"]
    detail = {
      service       = ["RISK"]
      eventTypeCode = ["AWS_RISK_CREDENTIALS_EXPOSED"]
    }
  })
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

data "aws_iam_policy_document" "send" {
  statement {
    sid       = "SendOn"
    actions   = ["events:PutEvents"]
    resources = [var.event_bus_arn]
  }
}

resource "aws_iam_role" "leaks" {
  name                 = var.name
  description          = "Sends events about keys found in public on to Sleuth."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "leaks" {
  name   = "send"
  role   = aws_iam_role.leaks.id
  policy = data.aws_iam_policy_document.send.json
}

resource "aws_cloudwatch_event_target" "leaks" {
  rule      = aws_cloudwatch_event_rule.leaks.name
  target_id = "bus"
  arn       = var.event_bus_arn
  role_arn  = aws_iam_role.leaks.arn

  depends_on = [aws_iam_role_policy.leaks]
}

resource "aws_cloudwatch_metric_alarm" "not_sent" {
  alarm_name          = "${var.name}-not-sent"
  alarm_description   = "An event about a key found in public could not be sent on to Sleuth: AWS Health's dashboard shows the key. Answer it with: sleuth leaked KEY."
  namespace           = "AWS/Events"
  metric_name         = "FailedInvocations"
  dimensions          = { RuleName = aws_cloudwatch_event_rule.leaks.name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  tags                = var.tags
}
