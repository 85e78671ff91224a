# What messages say: settings of Sleuth as in settings.tf. The channels are in channels.tf.

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

variable "owner_tags" {
  description = "SLEUTH_OWNER_TAGS: tags of a user that may hold the owner's mail address, in the order in which they are tried. Without any of them, the user name is taken if it is an address."
  type        = list(string)
  default     = ["Email"]
  nullable    = false

  validation {
    condition     = alltrue([for tag in var.owner_tags : can(regex("^[^,[:space:]][^,]{0,127}$", tag))])
    error_message = "owner_tags must be names of tags, such as [\"Email\", \"Owner\"]."
  }
}

variable "slack_tags" {
  description = "SLEUTH_SLACK_TAGS: tags of a user that may hold the owner's Slack id, in the order in which they are tried."
  type        = list(string)
  default     = ["Slack"]
  nullable    = false

  validation {
    condition     = alltrue([for tag in var.slack_tags : can(regex("^[^,[:space:]][^,]{0,127}$", tag))])
    error_message = "slack_tags must be names of tags, such as [\"Slack\", \"SlackId\"]."
  }
}

variable "email_domain" {
  description = "SLEUTH_EMAIL_DOMAIN: domains that mail to owners may go to. The first completes a tag or user name without a domain. An address in another is reported, and gets no mail. Empty: any domain."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for domain in var.email_domain : can(regex("^[A-Za-z0-9][A-Za-z0-9-]*([.][A-Za-z0-9][A-Za-z0-9-]*)+$", domain))])
    error_message = "email_domain must be domains, such as [\"example.com\"]."
  }
}

variable "team_tag" {
  description = "SLEUTH_TEAM_TAG: tag of a user that names the team. With slack_token, the team's channel is notified about the user's keys as well. Null: none."
  type        = string
  default     = null

  validation {
    condition     = var.team_tag == null ? true : can(regex("^$|^[\\p{L}\\p{N}_.:/=+@-][\\p{L}\\p{Zs}\\p{N}_.:/=+@-]{0,127}$", var.team_tag))
    error_message = "team_tag must be the name of a tag, such as Team."
  }

  validation {
    condition     = var.team_tag == null || var.team_tag == "" || (var.slack_token != null && var.slack_token != "")
    error_message = "team_tag needs slack_token, which posts to the channels of teams."
  }
}

variable "team_channels" {
  description = "SLEUTH_TEAM_CHANNELS: with team_tag, the channel of each team in Slack, by its id or #name, such as { platform = \"C0123456789\" }. Empty: the tag's value is the channel."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for team, channel in var.team_channels : can(regex("^[^,=]+$", team)) && can(regex("^([CG][A-Z0-9]+|#[a-z0-9_-]+)$", channel))])
    error_message = "team_channels must be teams and their channels, such as { platform = \"C0123456789\" }."
  }

  validation {
    condition     = length(var.team_channels) == 0 || (var.team_tag != null && var.team_tag != "")
    error_message = "team_channels needs team_tag."
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
