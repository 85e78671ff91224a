# Where people are notified. Written by 'make docs' from internal/config/channels.go;
# do not edit.

variable "slack_url" {
  description = "SLACK_URL: Slack incoming webhook. 'test' prints the messages instead. Give where it is kept, as \"ssm:/parameter/name\" or \"secretsmanager:secret-id\", or \"test\". The secret itself is refused: it would be in the state and in the function's environment for all to read."
  type        = string
  default     = null

  validation {
    condition     = var.slack_url == null ? true : can(regex("^$|^test$|^(ssm|secretsmanager):[^[:space:]]+$", var.slack_url))
    error_message = "slack_url must be ssm:/parameter/name or secretsmanager:secret-id, naming where it is kept, or test. Do not give the secret itself: put it into a parameter or a secret first."
  }
}

variable "slack_token" {
  description = "SLEUTH_SLACK_TOKEN: token of a Slack app that sends each person a direct message about their own keys, and the list of all keys to slack_channel. Give where it is kept, as \"ssm:/parameter/name\" or \"secretsmanager:secret-id\". The secret itself is refused: it would be in the state and in the function's environment for all to read."
  type        = string
  default     = null

  validation {
    condition     = var.slack_token == null ? true : can(regex("^$|^(ssm|secretsmanager):[^[:space:]]+$", var.slack_token))
    error_message = "slack_token must be ssm:/parameter/name or secretsmanager:secret-id, naming where it is kept. Do not give the secret itself: put it into a parameter or a secret first."
  }
}

variable "teams_url" {
  description = "SLEUTH_TEAMS_URL: URL of a Microsoft Teams workflow that posts the list of all keys to a channel or chat. Give where it is kept, as \"ssm:/parameter/name\" or \"secretsmanager:secret-id\". The secret itself is refused: it would be in the state and in the function's environment for all to read."
  type        = string
  default     = null

  validation {
    condition     = var.teams_url == null ? true : can(regex("^$|^(ssm|secretsmanager):[^[:space:]]+$", var.teams_url))
    error_message = "teams_url must be ssm:/parameter/name or secretsmanager:secret-id, naming where it is kept. Do not give the secret itself: put it into a parameter or a secret first."
  }
}

variable "sns_topic" {
  description = "SNS_TOPIC: SNS topic to publish to."
  type        = string
  default     = null

  validation {
    condition     = var.sns_topic == null ? true : can(regex("^$|^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}([.]fifo)?$", var.sns_topic))
    error_message = "sns_topic must be the ARN of a topic, such as arn:aws:sns:us-east-1:123456789012:keys."
  }
}

variable "email_from" {
  description = "SLEUTH_EMAIL_FROM: address from which SES sends each person mail about their own keys. It goes to the owner's address (see owner_tags and email_domain)."
  type        = string
  default     = null

  validation {
    condition     = var.email_from == null ? true : can(regex("^$|^[^<>@[:space:]]+@[A-Za-z0-9.-]+$|^[^<>@]*<[^<>@[:space:]]+@[A-Za-z0-9.-]+>$", var.email_from))
    error_message = "email_from must be a mail address, such as keys@example.com or Sleuth <keys@example.com>."
  }
}

variable "notify_urls" {
  description = "SLEUTH_NOTIFY_URLS: other services to notify, as shoutrrr URLs separated by spaces or commas: Discord, PagerDuty, Opsgenie, mail, a generic webhook and others. Give where it is kept, as \"ssm:/parameter/name\" or \"secretsmanager:secret-id\". The secret itself is refused: it would be in the state and in the function's environment for all to read."
  type        = string
  default     = null

  validation {
    condition     = var.notify_urls == null ? true : can(regex("^$|^(ssm|secretsmanager):[^[:space:]]+$", var.notify_urls))
    error_message = "notify_urls must be ssm:/parameter/name or secretsmanager:secret-id, naming where it is kept. Do not give the secret itself: put it into a parameter or a secret first."
  }
}

variable "event_bus" {
  description = "SLEUTH_EVENT_BUS: EventBridge bus to publish an event to for each warning, each key that is disabled or leaked, and each run that fails."
  type        = string
  default     = null

  validation {
    condition     = var.event_bus == null ? true : can(regex("^$|^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9/._-]+$", var.event_bus))
    error_message = "event_bus must be the ARN of an EventBridge bus, such as arn:aws:events:us-east-1:123456789012:event-bus/keys."
  }
}

locals {
  channels = compact([var.slack_url, var.slack_token, var.teams_url, var.sns_topic, var.email_from, var.notify_urls, var.event_bus])

  # Of them, those whose settings may be kept elsewhere.
  channel_secrets = compact([var.slack_url, var.slack_token, var.teams_url, var.notify_urls])

  channel_environment = {
    SLACK_URL          = var.slack_url
    SLEUTH_SLACK_TOKEN = var.slack_token
    SLEUTH_TEAMS_URL   = var.teams_url
    SNS_TOPIC          = var.sns_topic
    SLEUTH_EMAIL_FROM  = var.email_from
    SLEUTH_NOTIFY_URLS = var.notify_urls
    SLEUTH_EVENT_BUS   = var.event_bus
  }

  # The calls that deliver messages, by the name of the statement that allows them.
  channel_calls = {
    PublishNotices = { action = "sns:Publish", targets = compact([var.sns_topic]) }
    SendMail       = { action = "ses:SendEmail", targets = compact([var.email_from]) }
    PublishEvents  = { action = "events:PutEvents", targets = compact([var.event_bus]) }
  }
}
