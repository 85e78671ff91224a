# Settings of Sleuth: a variable for each, here and in
# messages.tf and channels.tf, and the function's environment that they become.

variable "expiration_age" {
  description = "EXPIRATION_AGE: age since creation, in days, at which a key is disabled."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.expiration_age == floor(var.expiration_age) && var.expiration_age >= 1 && var.expiration_age <= 36500
    error_message = "expiration_age must be a whole number of days from 1 to 36500."
  }
}

variable "warning_age" {
  description = "WARNING_AGE: age since creation, in days, from which the owner is warned. Must be lower than expiration_age."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.warning_age == floor(var.warning_age) && var.warning_age >= 0 && var.warning_age <= 36500
    error_message = "warning_age must be a whole number of days from 0 to 36500."
  }

  validation {
    condition     = var.warning_age < var.expiration_age
    error_message = "warning_age must be lower than expiration_age."
  }
}

variable "inactivity_age" {
  description = "INACTIVITY_AGE: age since last use, in days, at which a key is disabled. At most expiration_age, which is also its default. Requires inactivity_warning_age."
  type        = number
  default     = null

  validation {
    condition     = var.inactivity_age == null ? true : var.inactivity_age == floor(var.inactivity_age) && var.inactivity_age >= 1 && var.inactivity_age <= 36500
    error_message = "inactivity_age must be a whole number of days from 1 to 36500."
  }

  validation {
    condition     = var.inactivity_age == null ? true : var.inactivity_age <= var.expiration_age
    error_message = "inactivity_age must be at most expiration_age."
  }
}

variable "inactivity_warning_age" {
  description = "INACTIVITY_WARNING_AGE: age since last use, in days, from which the owner is warned. Must be lower than inactivity_age. Default: warning_age if inactivity_age is not set."
  type        = number
  default     = null

  validation {
    condition     = var.inactivity_warning_age == null ? true : var.inactivity_warning_age == floor(var.inactivity_warning_age) && var.inactivity_warning_age >= 0 && var.inactivity_warning_age <= 36500
    error_message = "inactivity_warning_age must be a whole number of days from 0 to 36500."
  }

  validation {
    condition     = (var.inactivity_age == null) == (var.inactivity_warning_age == null)
    error_message = "inactivity_age and inactivity_warning_age go together: set both, or neither."
  }

  validation {
    condition     = var.inactivity_warning_age == null || var.inactivity_age == null ? true : var.inactivity_warning_age < var.inactivity_age
    error_message = "inactivity_warning_age must be lower than inactivity_age."
  }
}

variable "enable_auto_expire" {
  description = "ENABLE_AUTO_EXPIRE: disable keys past a limit. Otherwise owners are notified and no key is disabled, and the role cannot change a key. Requires a channel, or allow_silent."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.enable_auto_expire || var.allow_silent || length(local.channels) > 0
    error_message = "enable_auto_expire disables keys, and no channel is set to notify their owners: set one, such as slack_url or sns_topic, or allow_silent = true."
  }
}

variable "allow_silent" {
  description = "SLEUTH_ALLOW_SILENT: allow disabling keys although no channel is configured, so that nobody is notified."
  type        = bool
  default     = false
  nullable    = false
}

variable "max_disable" {
  description = "SLEUTH_MAX_DISABLE: the most keys that one run may disable, as a number (\"25\") or as a share of the active keys (\"10%\"). A run that would exceed it disables none, reports that to the channels, and fails. Null: no limit."
  type        = string
  default     = null

  validation {
    condition     = var.max_disable == null ? true : can(regex("^$|^[0-9]{1,9}$|^([1-9][0-9]?|100)%$", var.max_disable))
    error_message = "max_disable must be a whole number of keys from 0, or a share from 1% to 100%, such as \"25\" or \"10%\"."
  }
}

variable "disable_when" {
  description = "SLEUTH_DISABLE_WHEN: when keys may be disabled, each as days, hours and a time zone, such as [\"Tue-Thu 09:00-15:00 Europe/Berlin\"]. The schedule must run the function then. A key that is due at another time is held until then; leaked keys are disabled at any time. Empty: at any time."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for window in var.disable_when : can(regex("^[A-Za-z]{3}(-[A-Za-z]{3})? [0-9]{1,2}:[0-9]{2}-[0-9]{1,2}:[0-9]{2} [A-Za-z0-9_+/-]+$", window))])
    error_message = "disable_when must be days, hours and a time zone, such as [\"Tue-Thu 09:00-15:00 Europe/Berlin\"]."
  }
}

variable "freeze" {
  description = "SLEUTH_FREEZE: days on which no key is disabled, first and last included, such as [\"2026-12-20..2027-01-04\"]. They are days in the time zone of disable_when, or else UTC; another may follow after a space. Leaked keys are disabled even so."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for days in var.freeze : can(regex("^[0-9]{4}-[0-9]{2}-[0-9]{2}([.][.][0-9]{4}-[0-9]{2}-[0-9]{2})?( [A-Za-z0-9_+/-]+)?$", days))])
    error_message = "freeze must be the first and the last day, such as [\"2026-12-20..2027-01-04\"], each with or without a time zone."
  }
}

variable "min_notice_days" {
  description = "SLEUTH_MIN_NOTICE_DAYS: disable a key, however old, only if its owner's first warning was delivered at least this many days ago."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.min_notice_days == floor(var.min_notice_days) && var.min_notice_days >= 0 && var.min_notice_days <= 36500
    error_message = "min_notice_days must be a whole number of days from 0 to 36500."
  }

  validation {
    condition     = var.min_notice_days == 0 || var.state != "none"
    error_message = "min_notice_days needs state to know who was notified: leave state at its default."
  }
}

variable "rules" {
  description = "SLEUTH_RULES: rules that give kinds of users limits of their own, as docs/rules.md describes them. The first that matches counts. Null: none, or those of rules_source."
  type = object({
    rules = list(object({
      name = string
      match = object({
        user    = optional(list(string))
        path    = optional(list(string))
        group   = optional(list(string))
        account = optional(list(string))
        ou      = optional(list(string))
        tags    = optional(map(string))

        console_password = optional(bool)
      })
      expiration_age         = optional(number)
      warning_age            = optional(number)
      inactivity_age         = optional(number)
      inactivity_warning_age = optional(number)
      min_notice_days        = optional(number)
      remind_at              = optional(list(number))
    }))
    ceiling = optional(object({ expiration_age = number }))
  })
  default = null

  validation {
    condition     = var.rules == null || !var.enable_auto_expire || var.state != "none"
    error_message = "rules need state to know who was notified: leave state at its default."
  }

  validation {
    condition     = var.rules == null || var.rules_source == null
    error_message = "rules and rules_source exclude each other."
  }
}

variable "delete_after_days" {
  description = "SLEUTH_DELETE_AFTER_DAYS: delete a key this many days after Sleuth disabled it, from 30 to 365, if it was Inactive ever since; its owner is warned 14 days and 1 day ahead. Null: never. Requires a channel and enable_auto_expire."
  type        = number
  default     = null

  validation {
    condition     = var.delete_after_days == null ? true : var.delete_after_days == floor(var.delete_after_days) && var.delete_after_days >= 30 && var.delete_after_days <= 365
    error_message = "delete_after_days must be a whole number of days from 30 to 365."
  }

  validation {
    condition     = var.delete_after_days == null || var.state != "none"
    error_message = "delete_after_days needs state to know who was notified: leave state at its default."
  }

  validation {
    condition     = var.delete_after_days == null || length(local.channels) > 0
    error_message = "delete_after_days deletes keys only after their owners were warned, and no channel is set: set one, such as slack_url or sns_topic."
  }
}

variable "max_delete" {
  description = "SLEUTH_MAX_DELETE: the most keys that one run may delete, as a number (\"25\") or as a share of the inactive keys (\"10%\"). A run that would exceed it deletes none, reports that to the channels, and fails."
  type        = string
  default     = "10"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{1,9}$|^([1-9][0-9]?|100)%$", var.max_delete))
    error_message = "max_delete must be a whole number of keys from 0, or a share from 1% to 100%, such as \"25\" or \"10%\"."
  }
}

variable "max_exemption_days" {
  description = "SLEUTH_MAX_EXEMPTION_DAYS: ignore exemptions without an end date, and those that end more than this many days from now. Null: no limit."
  type        = number
  default     = null

  validation {
    condition     = var.max_exemption_days == null ? true : var.max_exemption_days == floor(var.max_exemption_days) && var.max_exemption_days >= 1 && var.max_exemption_days <= 36500
    error_message = "max_exemption_days must be a whole number of days from 1 to 36500."
  }

  validation {
    condition     = var.max_exemption_days == null || !var.enable_auto_expire || var.state != "none"
    error_message = "max_exemption_days needs state to know who was notified: leave state at its default."
  }
}

variable "require_exemption_reason" {
  description = "SLEUTH_REQUIRE_EXEMPTION_REASON: ignore exemptions without a KeyAutoExpireReason tag."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.require_exemption_reason || !var.enable_auto_expire || var.state != "none"
    error_message = "require_exemption_reason needs state to know who was notified: leave state at its default."
  }
}

variable "leak_response" {
  description = "SLEUTH_LEAK_RESPONSE: what to do about a key that AWS found in public: notify its owner at once (notify), or disable it and notify (disable). Applies whatever the key's age and exemption. Null: AWS's events do not start the function. They come in one region: see docs/deploy.md."
  type        = string
  default     = "notify"

  validation {
    condition     = var.leak_response == null ? true : contains(["", "notify", "disable"], var.leak_response)
    error_message = "leak_response must be notify, disable or null."
  }

  validation {
    condition     = var.leak_response == null ? true : var.leak_response != "disable" || var.allow_silent || length(local.channels) > 0
    error_message = "leak_response = \"disable\" disables keys, and no channel is set to notify their owners: set one, such as slack_url or sns_topic, or allow_silent = true."
  }
}

variable "leak_exempt" {
  description = "SLEUTH_LEAK_EXEMPT: with leak_response = \"disable\", do not disable the leaked keys of exempt users; only notify."
  type        = bool
  default     = false
  nullable    = false
}

variable "leak_max_disable" {
  description = "SLEUTH_LEAK_MAX_DISABLE: with leak_response = \"disable\", the most leaked keys to disable for one event, and in one hour in one account, from 1 to 10000. Beyond it owners are notified, no further key is disabled, and the event fails."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.leak_max_disable == floor(var.leak_max_disable) && var.leak_max_disable >= 1 && var.leak_max_disable <= 10000
    error_message = "leak_max_disable must be a whole number of keys from 1 to 10000."
  }
}

variable "remind_at" {
  description = "SLEUTH_REMIND_AT: warn only as a key passes each of these numbers of days left, such as [30, 14, 7, 3, 1]. Empty: warn on every run."
  type        = list(number)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for days in var.remind_at : days == floor(days) && days >= 1 && days <= 36500])
    error_message = "remind_at must be whole numbers of days left from 1 to 36500, such as [30, 14, 7, 3, 1]."
  }

  validation {
    condition     = length(var.remind_at) == 0 || var.state != "none"
    error_message = "remind_at needs state to know who was notified: leave state at its default."
  }
}

variable "accounts" {
  description = "SLEUTH_ACCOUNTS: accounts to cover: [\"organization\"] for every active account of the organization, or a list of ids. Empty: only the function's own account."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.accounts) == 1 && contains(var.accounts, "organization") ? true : alltrue([for id in var.accounts : can(regex("^[0-9]{12}$", id))])
    error_message = "accounts must be [\"organization\"], or ids of 12 digits."
  }
}

variable "ous" {
  description = "SLEUTH_OUS: with accounts = [\"organization\"], cover only the accounts in these organizational units, and in those nested in them."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.ous : can(regex("^(ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|r-[0-9a-z]{4,32})$", id))])
    error_message = "ous must be ids of organizational units, such as ou-ab12-34cdefgh, or of the root."
  }

  validation {
    condition     = length(var.ous) == 0 || contains(var.accounts, "organization")
    error_message = "ous goes with accounts = [\"organization\"] only."
  }
}

variable "exclude_accounts" {
  description = "SLEUTH_EXCLUDE_ACCOUNTS: ids of accounts of the organization to leave out."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.exclude_accounts : can(regex("^[0-9]{12}$", id))])
    error_message = "exclude_accounts must be ids of 12 digits."
  }

  validation {
    condition     = length(var.exclude_accounts) == 0 || length(var.accounts) > 0
    error_message = "exclude_accounts needs accounts."
  }

  validation {
    condition     = length(setintersection(var.exclude_accounts, var.accounts)) == 0
    error_message = "exclude_accounts names an account that accounts names as well."
  }
}

variable "member_role" {
  description = "SLEUTH_MEMBER_ROLE: name of the role to assume in each account, with its path if it has one. Required with accounts; the function's own account needs none."
  type        = string
  default     = null

  validation {
    condition     = var.member_role == null ? true : can(regex("^([!-~]+/)?[A-Za-z0-9_+=,.@-]{1,64}$", var.member_role))
    error_message = "member_role must be the name of a role, such as sleuth-member."
  }

  validation {
    condition     = (var.member_role == null) == (length(var.accounts) == 0)
    error_message = "member_role and accounts go together: set both, or neither."
  }
}

variable "external_id" {
  description = "SLEUTH_EXTERNAL_ID: external id that the role in each account requires."
  type        = string
  default     = null

  validation {
    condition     = var.external_id == null ? true : length(var.external_id) <= 1224 && can(regex("^[A-Za-z0-9_+=,.@:/-]{2,}$", var.external_id))
    error_message = "external_id must be 2 to 1224 letters, digits and _+=,.@:/-."
  }

  validation {
    condition     = var.external_id == null || length(var.accounts) > 0
    error_message = "external_id needs accounts."
  }
}

variable "account_concurrency" {
  description = "SLEUTH_ACCOUNT_CONCURRENCY: the most accounts to process at once, from 1 to 100. Each makes up to concurrency calls."
  type        = number
  default     = 8
  nullable    = false

  validation {
    condition     = var.account_concurrency == floor(var.account_concurrency) && var.account_concurrency >= 1 && var.account_concurrency <= 100
    error_message = "account_concurrency must be a whole number of accounts from 1 to 100."
  }
}

variable "inventory" {
  description = "SLEUTH_INVENTORY: how a run finds the users to read: live reads every user's keys, credential-report only those of the users whose keys may be due according to the account's credential report."
  type        = string
  default     = "live"
  nullable    = false

  validation {
    condition     = contains(["live", "credential-report"], var.inventory)
    error_message = "inventory must be live or credential-report."
  }
}

variable "credentials" {
  description = "SLEUTH_CREDENTIALS: which credentials audit and the reports show: access-keys only, or all, which adds root access keys, old console passwords and signing certificates from the account's credential report, and API keys of services. Those are only shown, never changed."
  type        = string
  default     = "all"
  nullable    = false

  validation {
    condition     = contains(["all", "access-keys"], var.credentials)
    error_message = "credentials must be all or access-keys."
  }
}

variable "risk" {
  description = "SLEUTH_RISK: whether to also read the policies of users, and show in audit and evidence what the user of each key may do: administrate, change permissions, create credentials, pass roles, read data. It changes no verdict."
  type        = bool
  default     = false
  nullable    = false
}

variable "evidence" {
  description = "SLEUTH_EVIDENCE: where each run writes evidence of what it found and did, as JSON and HTML, by account and date: \"s3://BUCKET/PREFIX\". The bucket is yours. The function's role can write to the prefix but not read it."
  type        = string
  default     = null

  validation {
    condition     = var.evidence == null ? true : can(regex("^$|^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.'()=-]+)*/?$", var.evidence)) && !can(regex("/[.]{1,2}(/|$)", var.evidence))
    error_message = "evidence must be s3://BUCKET/PREFIX. A function keeps no files, so file:DIR cannot be used."
  }
}

variable "security_hub" {
  description = "SLEUTH_SECURITY_HUB: \"securityhub\" keeps a finding in AWS Security Hub for each key past a warning or a limit. A finding is archived when its key is resolved. Null: none."
  type        = string
  default     = null

  validation {
    condition     = var.security_hub == null ? true : contains(["", "securityhub"], var.security_hub)
    error_message = "security_hub must be securityhub."
  }
}

variable "trace" {
  description = "SLEUTH_TRACE: whether to look up in CloudTrail who used each key that there is something to say about, for the message to its owner and the evidence. It delays no message."
  type        = bool
  default     = false
  nullable    = false
}

variable "trace_in_channel" {
  description = "SLEUTH_TRACE_IN_CHANNEL: with trace, whether the lists of channels say who used a key, and from which address."
  type        = bool
  default     = false
  nullable    = false
}

variable "trace_budget" {
  description = "SLEUTH_TRACE_BUDGET: the most lookups in CloudTrail, and the most seconds for them, in one run, as CALLS/SECONDS."
  type        = string
  default     = "1000/60"
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]{0,4}/([1-9][0-9]{0,2}|[12][0-9]{3}|3[0-5][0-9]{2}|3600)$", var.trace_budget))
    error_message = "trace_budget must be CALLS/SECONDS, such as 1000/60: up to 99999 calls in up to 3600 seconds."
  }
}

variable "concurrency" {
  description = "SLEUTH_CONCURRENCY: the most IAM calls to make at once, from 1 to 256."
  type        = number
  default     = 32
  nullable    = false

  validation {
    condition     = var.concurrency == floor(var.concurrency) && var.concurrency >= 1 && var.concurrency <= 256
    error_message = "concurrency must be a whole number of calls from 1 to 256."
  }
}

variable "results_bucket" {
  description = "SLEUTH_RESULTS_BUCKET: with step_functions, the S3 bucket for the list of accounts and the result of each. Null: the module creates one."
  type        = string
  default     = null

  validation {
    condition     = var.results_bucket == null ? true : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.results_bucket))
    error_message = "results_bucket must be the name of an S3 bucket."
  }

  validation {
    condition     = var.results_bucket == null || var.step_functions
    error_message = "results_bucket goes with step_functions only."
  }
}

variable "state" {
  description = "SLEUTH_STATE: where to record which owners were warned, which keys were disabled, and which notices are pending. Null: the module creates a DynamoDB table. \"dynamodb:TABLE\" uses an existing table in this account and region; \"none\" keeps no state."
  type        = string
  default     = null

  validation {
    condition     = var.state == null ? true : can(regex("^none$|^dynamodb:[A-Za-z0-9_.-]{3,255}$", var.state))
    error_message = "state must be null, dynamodb:TABLE or none. A function keeps no files, so file:PATH cannot be used."
  }
}

variable "lease_seconds" {
  description = "SLEUTH_LEASE_SECONDS: how long the lease of a run that crashed keeps other runs off its account, from 1 to 900."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.lease_seconds == floor(var.lease_seconds) && var.lease_seconds >= 1 && var.lease_seconds <= 900
    error_message = "lease_seconds must be a whole number of seconds from 1 to 900."
  }
}

variable "log_format" {
  description = "SLEUTH_LOG_FORMAT: json (which auto is in Lambda) or text."
  type        = string
  default     = "auto"
  nullable    = false

  validation {
    condition     = contains(["auto", "text", "json"], var.log_format)
    error_message = "log_format must be auto, text or json."
  }
}

variable "log_level" {
  description = "SLEUTH_LOG_LEVEL: the least severe log lines to write: debug, info, warn or error."
  type        = string
  default     = "info"
  nullable    = false

  validation {
    condition     = contains(["debug", "info", "warn", "error"], var.log_level)
    error_message = "log_level must be debug, info, warn or error."
  }
}

variable "debug" {
  description = "DEBUG: log more, and print the table of keys and the Slack and SNS messages."
  type        = bool
  default     = false
  nullable    = false
}

locals {
  # Without what was left out, which a null would not be.
  rules = var.rules == null ? null : jsonencode(merge(
    {
      rules = [for rule in var.rules.rules : merge(
        { for name, value in rule : name => value if value != null && name != "match" },
        { match = { for name, value in rule.match : name => value if value != null } },
      )]
    },
    { for name, value in { ceiling = var.rules.ceiling } : name => value if value != null },
  ))

  # Empty is unset, for Sleuth as well: it then uses its own default.
  environment = {
    for name, value in merge(local.channel_environment, {
      EXPIRATION_AGE                  = tostring(var.expiration_age)
      WARNING_AGE                     = tostring(var.warning_age)
      INACTIVITY_AGE                  = var.inactivity_age == null ? null : tostring(var.inactivity_age)
      INACTIVITY_WARNING_AGE          = var.inactivity_warning_age == null ? null : tostring(var.inactivity_warning_age)
      ENABLE_AUTO_EXPIRE              = tostring(var.enable_auto_expire)
      SLEUTH_ALLOW_SILENT             = tostring(var.allow_silent)
      SLEUTH_MAX_DISABLE              = var.max_disable
      SLEUTH_DISABLE_WHEN             = join(",", var.disable_when)
      SLEUTH_FREEZE                   = join(",", var.freeze)
      SLEUTH_MIN_NOTICE_DAYS          = tostring(var.min_notice_days)
      SLEUTH_DELETE_AFTER_DAYS        = var.delete_after_days == null ? null : tostring(var.delete_after_days)
      SLEUTH_MAX_DELETE               = var.max_delete
      SLEUTH_MAX_EXEMPTION_DAYS       = var.max_exemption_days == null ? null : tostring(var.max_exemption_days)
      SLEUTH_RULES                    = var.rules == null ? var.rules_source : local.rules
      SLEUTH_REQUIRE_EXEMPTION_REASON = tostring(var.require_exemption_reason)
      SLEUTH_LEAK_RESPONSE            = var.leak_response
      SLEUTH_LEAK_EXEMPT              = tostring(var.leak_exempt)
      SLEUTH_LEAK_MAX_DISABLE         = tostring(var.leak_max_disable)
      SLEUTH_REMIND_AT                = join(",", var.remind_at)
      EXPIRE_NOTIFICATION_TITLE       = var.expire_notification_title
      EXPIRE_NOTIFICATION_TEXT        = var.expire_notification_text
      INACTIVE_NOTIFICATION_TITLE     = var.inactive_notification_title
      INACTIVE_NOTIFICATION_TEXT      = var.inactive_notification_text
      SLEUTH_LEAK_NOTIFICATION_TITLE  = var.leak_notification_title
      SLEUTH_LEAK_NOTIFICATION_TEXT   = var.leak_notification_text
      SLEUTH_LINE_TEMPLATE            = var.line_template
      SLEUTH_LIST_TEMPLATE            = var.list_template
      SLEUTH_PERSONAL_TEMPLATE        = var.personal_template
      SLEUTH_SUBJECT_TEMPLATE         = var.subject_template
      SLEUTH_SLACK_CHANNEL            = var.slack_channel
      SLEUTH_SLACK_API_URL            = var.slack_api_url
      SLEUTH_OWNER_TAGS               = join(",", var.owner_tags)
      SLEUTH_SLACK_TAGS               = join(",", var.slack_tags)
      SLEUTH_EMAIL_DOMAIN             = join(",", var.email_domain)
      SLEUTH_TEAM_TAG                 = var.team_tag
      SLEUTH_TEAM_CHANNELS            = join(",", [for team, channel in var.team_channels : "${team}=${channel}"])
      SLEUTH_NOTIFY_MODE              = var.notify_mode
      SLEUTH_ACCOUNTS                 = join(",", var.accounts)
      SLEUTH_OUS                      = join(",", var.ous)
      SLEUTH_EXCLUDE_ACCOUNTS         = join(",", var.exclude_accounts)
      SLEUTH_MEMBER_ROLE              = var.member_role
      SLEUTH_EXTERNAL_ID              = var.external_id
      SLEUTH_ACCOUNT_CONCURRENCY      = tostring(var.account_concurrency)
      SLEUTH_INVENTORY                = var.inventory
      SLEUTH_CREDENTIALS              = var.credentials
      SLEUTH_RISK                     = tostring(var.risk)
      SLEUTH_EVIDENCE                 = var.evidence
      SLEUTH_SECURITY_HUB             = var.security_hub
      SLEUTH_TRACE                    = tostring(var.trace)
      SLEUTH_TRACE_IN_CHANNEL         = tostring(var.trace_in_channel)
      SLEUTH_TRACE_BUDGET             = var.trace_budget
      SLEUTH_CONCURRENCY              = tostring(var.concurrency)
      SLEUTH_RESULTS_BUCKET           = var.results_bucket
      SLEUTH_STATE                    = local.state
      SLEUTH_LEASE_SECONDS            = tostring(var.lease_seconds)
      SLEUTH_LOG_FORMAT               = var.log_format
      SLEUTH_LOG_LEVEL                = var.log_level
      DEBUG                           = tostring(var.debug)
    }) : name => value if value != null && value != ""
  }

  state = var.state == null ? "dynamodb:${var.name}" : var.state
}
