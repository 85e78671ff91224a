# Where and how Sleuth runs. Its settings are in settings.tf.

variable "name" {
  description = "Name of the function, and the beginning of the names of all else."
  type        = string
  default     = "iam-sleuth"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9_-]{2,39}$", var.name))
    error_message = "name must be 3 to 40 letters, digits, hyphens and underscores, and begin with a letter."
  }
}

variable "zip_file" {
  description = "Path of the zip, from a release or from make lambda. Give this or zip_s3."
  type        = string
  default     = null

  validation {
    condition     = (var.zip_file == null) != (var.zip_s3 == null)
    error_message = "Give the zip either as zip_file, a path, or as zip_s3, a bucket and key."
  }

  validation {
    condition     = var.zip_file == null ? true : fileexists(var.zip_file)
    error_message = "zip_file must be the path of a file that exists: download it from a release, or run make lambda."
  }
}

variable "zip_s3" {
  description = "Bucket and key of the zip in S3, in the same region, with an object version where the bucket keeps them. Give this or zip_file."
  type = object({
    bucket  = string
    key     = string
    version = optional(string)
  })
  default = null
}

variable "architecture" {
  description = "arm64 or x86_64, as the zip is built for."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "memory_size" {
  description = "Memory of the function, in MB. Its share of a processor grows with it."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.memory_size == floor(var.memory_size) && var.memory_size >= 128 && var.memory_size <= 10240
    error_message = "memory_size must be a whole number of MB from 128 to 10240."
  }
}

variable "timeout" {
  description = "Longest that a run may take, in seconds. An account that takes 20 calls a second can need 660 for 5,000 users with limits for inactivity; a run that ends earlier costs no more for it."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.timeout == floor(var.timeout) && var.timeout >= 60 && var.timeout <= 900
    error_message = "timeout must be a whole number of seconds from 60 to 900."
  }
}

variable "reserved_concurrency" {
  description = "1 keeps two runs from ever being made at once; with leak_response there is one more, so that a leaked key need not wait for a run to end. -1 reserves nothing, for accounts whose quota leaves no room: the lease in the state table then keeps runs apart."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = contains([-1, 1], var.reserved_concurrency)
    error_message = "reserved_concurrency must be 1, or -1 to reserve nothing."
  }
}

variable "retry_attempts" {
  description = "How often Lambda makes a failed run again, 0 to 2. What a run leaves undone the next one does, so none is needed; each warns people again unless remind_at is set."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = contains([0, 1, 2], var.retry_attempts)
    error_message = "retry_attempts must be 0, 1 or 2."
  }
}

variable "step_functions" {
  description = "Let AWS Step Functions make the runs: each of the accounts in an invocation of its own, for more accounts than one invocation has time for. Needs accounts, and state other than none."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.step_functions || length(var.accounts) > 0
    error_message = "step_functions needs accounts to cover: set accounts."
  }

  validation {
    condition     = !var.step_functions || var.state != "none"
    error_message = "step_functions needs state, in which invocations find what others have done: leave state at its default."
  }
}

variable "invocations_at_once" {
  description = "With step_functions, how many accounts are worked on at once, 1 to 1000."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.invocations_at_once == floor(var.invocations_at_once) && var.invocations_at_once >= 1 && var.invocations_at_once <= 1000
    error_message = "invocations_at_once must be a whole number of accounts from 1 to 1000."
  }
}

variable "schedule_expression" {
  description = "When to run, as EventBridge Scheduler writes it. The middle of business hours lets people react at once."
  type        = string
  default     = "cron(0 12 ? * MON-FRI *)"
  nullable    = false

  validation {
    condition     = can(regex("^(cron|rate)[(].+[)]$", var.schedule_expression))
    error_message = "schedule_expression must be cron(...) or rate(...)."
  }
}

variable "schedule_timezone" {
  description = "Time zone of schedule_expression, such as Europe/Berlin."
  type        = string
  default     = "UTC"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z]+(/[A-Za-z0-9_+-]+)*$", var.schedule_timezone))
    error_message = "schedule_timezone must be a time zone by name, such as UTC or Europe/Berlin."
  }
}

variable "schedule_enabled" {
  description = "Whether the schedule runs. Turn it off to stop Sleuth for a while."
  type        = bool
  default     = true
  nullable    = false
}

variable "missing_after_days" {
  description = "Days without a run after which the alarm goes off, 1 to 7. A weekend between two runs takes 4."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = contains([1, 2, 3, 4, 5, 6, 7], var.missing_after_days)
    error_message = "missing_after_days must be a whole number of days from 1 to 7."
  }
}

variable "alarm_actions" {
  description = "ARNs of what the alarms notify, such as an SNS topic of the people who run this. Not the topic through which key owners are notified."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_actions : can(regex("^arn:aws[a-z-]*:[a-z0-9-]+:", arn))])
    error_message = "alarm_actions must be ARNs."
  }
}

variable "log_retention_days" {
  description = "How long the log is kept, in days."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a number of days that CloudWatch Logs knows, such as 30, 90 or 365."
  }
}

variable "kms_key_arn" {
  description = "Your KMS key to encrypt the table, the queue, the log, the results and the function's environment with. Its policy must let CloudWatch Logs use it and, with leak_response, EventBridge. Null: AWS's own keys."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key (not of an alias)."
  }
}

variable "secret_kms_key_arn" {
  description = "Your KMS key that the parameters or secrets of the channels are encrypted with. Null: AWS's own, or kms_key_arn."
  type        = string
  default     = null

  validation {
    condition     = var.secret_kms_key_arn == null ? true : can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/", var.secret_kms_key_arn))
    error_message = "secret_kms_key_arn must be the ARN of a KMS key (not of an alias)."
  }
}

variable "evidence_kms_key_arn" {
  description = "Your KMS key that the bucket in evidence encrypts with. Null: S3's or AWS's own."
  type        = string
  default     = null

  validation {
    condition     = var.evidence_kms_key_arn == null ? true : can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/", var.evidence_kms_key_arn))
    error_message = "evidence_kms_key_arn must be the ARN of a KMS key (not of an alias)."
  }

  validation {
    condition     = var.evidence_kms_key_arn == null ? true : can(regex("^s3://", var.evidence))
    error_message = "evidence_kms_key_arn goes with evidence only."
  }
}

variable "vpc" {
  description = "Subnets and security groups to run in. They must lead to IAM, STS and Slack, which takes a NAT gateway. Null: no VPC."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null

  validation {
    condition     = var.vpc == null ? true : length(var.vpc.subnet_ids) > 0 && length(var.vpc.security_group_ids) > 0
    error_message = "vpc must name at least one subnet and one security group."
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds both roles, where your organization asks for one."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null ? true : can(regex("^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/", var.permissions_boundary))
    error_message = "permissions_boundary must be the ARN of an IAM policy."
  }
}

variable "existing_roles" {
  description = "ARNs of roles that exist, if the module is not to create any: the function's, the schedule's and, with step_functions, the state machine's. They must allow what the output policies says. Null: the module creates them."
  type = object({
    function      = string
    schedule      = string
    state_machine = optional(string)
  })
  default = null

  validation {
    condition     = var.existing_roles == null ? true : alltrue([for arn in values(var.existing_roles) : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+", arn)) if arn != null])
    error_message = "existing_roles must be the ARNs of roles."
  }

  validation {
    condition     = var.existing_roles == null ? true : var.permissions_boundary == null && (var.existing_roles.state_machine != null) == var.step_functions
    error_message = "existing_roles needs state_machine with step_functions and only then, and no permissions_boundary: the module does not change roles that exist."
  }
}

variable "network_environment" {
  description = "Variables of the function that lead through a proxy, or name a bundle of certificates: HTTPS_PROXY, HTTP_PROXY, NO_PROXY, AWS_CA_BUNDLE, SSL_CERT_FILE. See docs/deploy.md."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.network_environment) : contains(["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "AWS_CA_BUNDLE", "SSL_CERT_FILE"], name)])
    error_message = "network_environment takes HTTPS_PROXY, HTTP_PROXY, NO_PROXY, AWS_CA_BUNDLE and SSL_CERT_FILE only."
  }
}

variable "layers" {
  description = "ARNs of layers of the function, such as one with a bundle of certificates, which is then in /opt."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.layers : can(regex("^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:layer:[^:]+:[0-9]+$", arn))])
    error_message = "layers must be the ARNs of versions of layers."
  }
}

variable "tags" {
  description = "Tags for everything that can have them."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "rules_source" {
  description = "Where rules for kinds of users are kept that are too long for a function's environment: ssm:/NAME, in the function's account and region, or s3://BUCKET/KEY."
  type        = string
  default     = null

  validation {
    condition     = var.rules_source == null ? true : can(regex("^(ssm:.+|s3://[^/]+/.+)$", var.rules_source))
    error_message = "rules_source must be ssm:/NAME or s3://BUCKET/KEY."
  }

  validation {
    condition     = var.rules_source == null || !var.enable_auto_expire || var.state != "none"
    error_message = "rules_source needs state to know who was notified: leave state at its default."
  }
}
