# The state belongs to one target, for good. The workspace of Terraform has the
# target's name, so each target has a state of its own; and the state knows its
# target, so that a plan with the state of another one fails, whichever way it got
# there.
variable "target" {
  description = "Target of the bundle: dev, qa or prod. The workspace of Terraform has the same name."
  type        = string
  validation {
    condition     = contains(["dev", "qa", "prod"], var.target)
    error_message = "Want dev, qa or prod."
  }
}

resource "terraform_data" "target" {
  input            = var.target
  triggers_replace = [var.target]

  lifecycle {
    # "Instance cannot be destroyed" means: this is the state of another target.
    prevent_destroy = true

    precondition {
      condition     = terraform.workspace == var.target
      error_message = "The workspace is ${terraform.workspace}, and the target ${var.target}: terraform workspace select -or-create ${var.target}"
    }
  }
}
