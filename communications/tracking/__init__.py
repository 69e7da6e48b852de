"""What a person does with a mail: opens it, follows a link, wants no more. Links carry a signed token and nothing else."""
