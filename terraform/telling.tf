# What people are told, and where: settings of Sleuth as in settings.tf.

variable "expire_notification_title" {
  description = "EXPIRE_NOTIFICATION_TITLE: title above the keys that expire due to creation age."
  type        = string
  default     = "AWS IAM Key Expiration Report"
}

variable "expire_notification_text" {
  description = "EXPIRE_NOTIFICATION_TEXT: instructions on how to rotate a key."
  type        = string
  default     = null
}

variable "inactive_notification_title" {
  description = "INACTIVE_NOTIFICATION_TITLE: title above the keys that expire due to inactivity."
  type        = string
  default     = "AWS IAM Key Inactivity Report"
}

variable "inactive_notification_text" {
  description = "INACTIVE_NOTIFICATION_TEXT: instructions on how to use a key so that it does not expire."
  type        = string
  default     = null
}

variable "leak_notification_title" {
  description = "SLEUTH_LEAK_NOTIFICATION_TITLE: title above the keys that were found in public."
  type        = string
  default     = "AWS IAM Key Leak"
}

variable "leak_notification_text" {
  description = "SLEUTH_LEAK_NOTIFICATION_TEXT: instructions on what to do about a key that was found in public. Null: a built-in text."
  type        = string
  default     = null
}

variable "line_template" {
  description = "SLEUTH_LINE_TEMPLATE: Go template of the line about one key in a list. Null: aws-iam-sleuth's sentence, and one more with the key's id, account, date and last use; original is the sentence alone."
  type        = string
  default     = null
}

variable "list_template" {
  description = "SLEUTH_LIST_TEMPLATE: Go template of the text above a list of keys."
  type        = string
  default     = null
}

variable "personal_template" {
  description = "SLEUTH_PERSONAL_TEMPLATE: Go template of the message to one person about their own keys, in Slack or by mail."
  type        = string
  default     = null
}

variable "subject_template" {
  description = "SLEUTH_SUBJECT_TEMPLATE: Go template of the subject of a mail to one person."
  type        = string
  default     = null
}

variable "slack_url" {
  description = "SLACK_URL: where the Slack incoming webhook is kept, as \"ssm:/parameter/name\" or \"secretsmanager:secret-id\", or \"test\" to print the messages to the log. The webhook itself is refused: it would be in the state and in the function's environment for all to read."
  type        = string
  default     = null

  validation {
    condition     = var.slack_url == null ? true : can(regex("^$|^test$|^(ssm|secretsmanager):[^[:space:]]+$", var.slack_url))
    error_message = "slack_url must be ssm:/parameter/name or secretsmanager:secret-id, naming where the webhook is kept, or test. Do not give the webhook itself: put it into a parameter or a secret first."
  }
}

variable "slack_token" {
  description = "SLEUTH_SLACK_TOKEN: where the token of a Slack app is kept, as \"ssm:/parameter/name\" or \"secretsmanager:secret-id\": each person gets a direct message about their own keys, and slack_channel the list of all. The token itself is refused."
  type        = string
  default     = null

  validation {
    condition     = var.slack_token == null ? true : can(regex("^$|^(ssm|secretsmanager):[^[:space:]]+$", var.slack_token))
    error_message = "slack_token must be ssm:/parameter/name or secretsmanager:secret-id, naming where it is kept. Do not give the secret itself: put it into a parameter or a secret first."
  }
}

variable "slack_channel" {
  description = "SLEUTH_SLACK_CHANNEL: with slack_token, id or #name of the channel for the list of all keys, for groups, and for people who cannot be reached directly."
  type        = string
  default     = null

  validation {
    condition     = var.slack_channel == null ? true : can(regex("^$|^[CG][A-Z0-9]+$|^#[a-z0-9_-]+$", var.slack_channel))
    error_message = "slack_channel must be the id of a channel, such as C0123456789, or its name behind a #."
  }

  validation {
    condition     = (var.slack_channel == null || var.slack_channel == "") == (var.slack_token == null || var.slack_token == "")
    error_message = "slack_channel and slack_token go together: set both, or neither."
  }
}

variable "slack_api_url" {
  description = "SLEUTH_SLACK_API_URL: URL of Slack's API, for GovSlack or a proxy."
  type        = string
  default     = "https://slack.com/api/"

  validation {
    condition     = var.slack_api_url == null ? true : can(regex("^$|^https://[^[:space:]]+$", var.slack_api_url))
    error_message = "slack_api_url must be a https:// URL, such as https://slack-gov.com/api/."
  }
}

variable "teams_url" {
  description = "SLEUTH_TEAMS_URL: where the URL of a Microsoft Teams workflow is kept, as \"ssm:/parameter/name\" or \"secretsmanager:secret-id\": it posts the list of all keys to a channel or chat. The URL itself is refused, as it holds a secret."
  type        = string
  default     = null

  validation {
    condition     = var.teams_url == null ? true : can(regex("^$|^(ssm|secretsmanager):[^[:space:]]+$", var.teams_url))
    error_message = "teams_url must be ssm:/parameter/name or secretsmanager:secret-id, naming where it is kept. Do not give the secret itself: put it into a parameter or a secret first."
  }
}

variable "sns_topic" {
  description = "SNS_TOPIC: ARN of the SNS topic to publish to."
  type        = string
  default     = null

  validation {
    condition     = var.sns_topic == null ? true : can(regex("^$|^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}([.]fifo)?$", var.sns_topic))
    error_message = "sns_topic must be the ARN of a topic."
  }
}

variable "email_from" {
  description = "SLEUTH_EMAIL_FROM: address from which SES sends each person mail about their own keys. It goes to the address in the Email tag, or to the user name if that is an address. SES must have verified the address or its domain, in this account and region."
  type        = string
  default     = null

  validation {
    condition     = var.email_from == null ? true : can(regex("^$|^[^<>@[:space:]]+@[A-Za-z0-9.-]+$|^[^<>@]*<[^<>@[:space:]]+@[A-Za-z0-9.-]+>$", var.email_from))
    error_message = "email_from must be a mail address, such as keys@example.com or Sleuth <keys@example.com>."
  }
}

variable "notify_urls" {
  description = "SLEUTH_NOTIFY_URLS: where the URLs of other services are kept, as \"ssm:/parameter/name\" or \"secretsmanager:secret-id\": shoutrrr URLs, separated by spaces or commas. The URLs themselves are refused, as they hold secrets."
  type        = string
  default     = null

  validation {
    condition     = var.notify_urls == null ? true : can(regex("^$|^(ssm|secretsmanager):[^[:space:]]+$", var.notify_urls))
    error_message = "notify_urls must be ssm:/parameter/name or secretsmanager:secret-id, naming where it is kept. Do not give the secret itself: put it into a parameter or a secret first."
  }
}

variable "event_bus" {
  description = "SLEUTH_EVENT_BUS: ARN of the EventBridge bus to publish an event to for each warning, each key that is disabled or leaked, and each run that fails."
  type        = string
  default     = null

  validation {
    condition     = var.event_bus == null ? true : can(regex("^$|^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9/._-]+$", var.event_bus))
    error_message = "event_bus must be the ARN of an EventBridge bus."
  }
}

variable "notify_mode" {
  description = "SLEUTH_NOTIFY_MODE: with accounts, send a message for each account (account), or one digest of all accounts (digest)."
  type        = string
  default     = "account"
  nullable    = false

  validation {
    condition     = contains(["account", "digest"], var.notify_mode)
    error_message = "notify_mode must be account or digest."
  }

  validation {
    condition     = var.notify_mode != "digest" || length(var.accounts) > 0
    error_message = "notify_mode = \"digest\" needs accounts: a digest is of several accounts."
  }
}
