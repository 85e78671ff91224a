package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/iampolicy"
	"github.com/iam-sleuth/sleuth/internal/text"
)

func (m member) place() iampolicy.Target {
	return iampolicy.Target{Partition: m.Partition, Account: m.Account.ID, Region: m.aws.Region}
}

// permissions asks IAM's simulator about everything that the settings need. To try
// it would be to do it: disabling a key, sending a message.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
func (k *checker) permissions(m member, needed iampolicy.Document) {
	const what = "permissions"
	client := awsclient.NewIAM(m.aws)
	var denied []string
	asked := 0
	for _, statement := range needed.Statement {
		out, err := client.SimulatePrincipalPolicy(k.ctx, &iam.SimulatePrincipalPolicyInput{
			PolicySourceArn: aws.String(m.PrincipalARN),
			ActionNames:     statement.Action,
			ResourceArns:    examplesOf(statement.Resource),
		})
		if err != nil {
			k.note(what, "whether all is allowed was not found out: "+awserr.Message(err))
			return
		}
		asked += len(statement.Action)
		for _, result := range out.EvaluationResults {
			if result.EvalDecision != types.PolicyEvaluationDecisionTypeAllowed {
				denied = append(denied, fmt.Sprintf("%s on %s (%s)", aws.ToString(result.EvalActionName), aws.ToString(result.EvalResourceName), result.EvalDecision))
			}
		}
	}
	slices.Sort(denied)
	for _, d := range slices.Compact(denied) {
		k.failed(what, fmt.Errorf("%s is not allowed; 'sleuth iam-policy' prints what must be", d))
	}
	if len(denied) == 0 {
		k.ok(what, text.Count(asked, "action")+" that the settings need, all allowed")
	}
}

// examplesOf are resources that stand for those of a policy, as the simulator
// takes no wildcards within a name.
func examplesOf(resources []string) []string {
	var examples []string
	for _, r := range resources {
		if r == "*" {
			continue // the simulator's own default
		}
		r = strings.ReplaceAll(r, "-??????", "-a1b2c3")
		examples = append(examples, strings.ReplaceAll(r, "*", "sleuth-check"))
	}
	return examples
}
