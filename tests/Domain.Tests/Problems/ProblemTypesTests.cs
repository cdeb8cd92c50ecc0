using System.Reflection;
using ControlCenter.Domain.Problems;

namespace ControlCenter.Domain.Tests.Problems;

public sealed class ProblemTypesTests
{
    /// <summary>The slugs that bus-api.md and issue 2 promise, with their statuses.</summary>
    [Theory]
    [InlineData("validation_failed", 400)]
    [InlineData("malformed_json", 400)]
    [InlineData("reserved_kind", 400)]
    [InlineData("cyclic_dependency", 400)]
    [InlineData("unauthenticated", 401)]
    [InlineData("budget_exhausted", 402)]
    [InlineData("forbidden", 403)]
    [InlineData("not_found", 404)]
    [InlineData("method_not_allowed", 405)]
    [InlineData("name_taken", 409)]
    [InlineData("invalid_transition", 409)]
    [InlineData("lease_lost", 409)]
    [InlineData("action_changed", 409)]
    [InlineData("already_decided", 409)]
    [InlineData("payload_too_large", 413)]
    [InlineData("unsupported_media_type", 415)]
    [InlineData("idempotency_mismatch", 422)]
    [InlineData("rate_limited", 429)]
    [InlineData("internal_error", 500)]
    [InlineData("admission_closed", 503)]
    [InlineData("shutting_down", 503)]
    [InlineData("database_unavailable", 503)]
    [InlineData("breaker_open", 503)]
    [InlineData("unknown_model", 404)]
    [InlineData("unpriced_module", 400)]
    [InlineData("upstream_failed", 502)]
    [InlineData("upstream_timeout", 504)]
    public void A_slug_has_the_status_of_the_contract(string slug, int status)
    {
        var problem = new DomainException(slug, "What happened.");
        problem.Status.ShouldBe(status);
        problem.Title.ShouldNotBeNullOrWhiteSpace();
    }

    [Fact]
    public void Every_slug_stands_in_the_table_and_nothing_else_does()
    {
        var slugs = typeof(ProblemTypes).GetFields(BindingFlags.Public | BindingFlags.Static).Where(f => f.IsLiteral).Select(f => (string)f.GetRawConstantValue()!);
        ProblemTypes.All.Keys.ShouldBe(slugs, ignoreOrder: true);
    }

    [Fact]
    public void A_refusal_carries_what_its_answer_needs()
    {
        new NotFoundException("task", "x").ShouldSatisfyAllConditions(e => e.Status.ShouldBe(404), e => e.Message.ShouldContain("task 'x'"));
        new ForbiddenException("No.").Status.ShouldBe(403);
        new UnavailableException(ProblemTypes.AdmissionClosed, "Later.", 7).ShouldSatisfyAllConditions(e => e.Status.ShouldBe(503), e => e.RetryAfterSeconds.ShouldBe(7));
        new ValidationException("title", "It must not be empty.").Errors!["title"].ShouldBe(["It must not be empty."]);
    }

    [Fact]
    public void All_that_is_wrong_is_told_at_once_and_nothing_wrong_is_no_error()
    {
        new FieldErrors().Add("a", null).ThrowIfAny();
        var refused = Should.Throw<ValidationException>(() => new FieldErrors().Add("a", "One.").Add("b", null).Add("c", "Two.").ThrowIfAny());
        refused.Errors!.Keys.ShouldBe(["a", "c"]);
        refused.Message.ShouldBe("a: One. c: Two.");
    }
}
