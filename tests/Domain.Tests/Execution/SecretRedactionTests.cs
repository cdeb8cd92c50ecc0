using System.Diagnostics;
using ControlCenter.Domain.Execution;

namespace ControlCenter.Domain.Tests.Execution;

public sealed class SecretRedactionTests
{
    [Theory]
    [InlineData("key is hunter2-hunter2.", "key is [redacted].")]
    [InlineData("hunter2-hunter2hunter2-hunter2", "[redacted][redacted]")]
    [InlineData("hunter2-hunter2-and-longer", "[redacted]")]
    [InlineData("nothing here", "nothing here")]
    [InlineData("""{"said":"quote\"backslash\\"}""", """{"said":"[redacted]"}""")]
    [InlineData("second-line-of-it", "[redacted]")]
    [InlineData("short: abc", "short: abc")]
    public void Values_that_an_agent_was_given_are_taken_out(string line, string shown) =>
        new SecretRedaction(["hunter2-hunter2", "hunter2-hunter2-and-longer", "quote\"backslash\\", "first-line-of-it\nsecond-line-of-it", "abc"]).Redact(line).ShouldBe(shown);

    [Theory]
    [InlineData("cck_lWrZmHaCcIio6bpQFprxMHwydC0Xtu49OLj3M35xqWM")]
    [InlineData("sk-ant-api03-abcdefghij0123456789ABCDEFGHIJ")]
    [InlineData("sk-proj-abcdefghij0123456789ABCDEFGHIJ")]
    [InlineData("ghp_abcdefghijklmnopqrstuvwxyz0123456789")]
    [InlineData("github_pat_11ABCDEFG0abcdefghijklmnopqrstuvwxyz")]
    [InlineData("AKIAIOSFODNN7EXAMPLE")]
    [InlineData("xoxb-123456789012-abcdefGHIJKL")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1g")]
    public void Tokens_of_known_kinds_are_taken_out_wherever_they_stand(string token)
    {
        var redaction = new SecretRedaction([]);
        redaction.Redact(token).ShouldBe(SecretRedaction.Mark);
        redaction.Redact($$"""{"env":{"TOKEN":"{{token}}"},"n":1}""").ShouldBe($$"""{"env":{"TOKEN":"{{SecretRedaction.Mark}}"},"n":1}""");
        redaction.Redact($"Authorization: Bearer {token}, {token}").ShouldBe($"Authorization: Bearer {SecretRedaction.Mark}, {SecretRedaction.Mark}");
        redaction.Redact($"TOKEN={token}").ShouldBe($"TOKEN={SecretRedaction.Mark}");
    }

    [Theory]
    [InlineData("task-0123456789abcdefghijklmnop")]
    [InlineData("sk-short")]
    [InlineData("disk-usage-of-the-whole-machine-is-low")]
    [InlineData("sk-the-quick-brown-fox-jumps-over")]
    [InlineData("commit 5988e29fe2038c8c7f53eee0a49379d0fea76e41f")]
    [InlineData("01a1fe80-5b83-720a-9a75-efb5105acd4f")]
    [InlineData("ControlCenter.Domain.Tests.Execution.SecretRedactionTests")]
    public void What_only_looks_a_little_like_one_stays(string line) => new SecretRedaction([]).Redact(line).ShouldBeSameAs(line);

    [Fact]
    public void A_private_key_is_taken_out_over_all_its_lines()
    {
        var redaction = new SecretRedaction([]);
        string[] lines = ["before", "x -----BEGIN OPENSSH PRIVATE KEY-----", "b3BlbnNzaC1rZXktdjEA", "-----END OPENSSH PRIVATE KEY-----", "after"];
        lines.Select(redaction.Redact).ShouldBe(["before", "x [redacted]", "[redacted]", "[redacted]", "after"]);
        redaction.Redact("""{"key":"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"}""").ShouldBe("""{"key":"[redacted]\n"}""");
        redaction.Redact("-----BEGIN CERTIFICATE-----").ShouldBe("-----BEGIN CERTIFICATE-----");
    }

    [Fact]
    public void A_key_that_never_ends_does_not_hide_all_that_follows()
    {
        var redaction = new SecretRedaction([]);
        redaction.Redact("-----BEGIN PRIVATE KEY-----");
        for (var i = 0; i < 200; i++)
        {
            redaction.Redact("x");
        }

        redaction.Redact("shown again").ShouldBe("shown again");
    }

    [Theory]
    [InlineData("sk-")]
    [InlineData("eyJ")]
    [InlineData("-----BEGIN ")]
    [InlineData("hunter2-hunter")]
    [InlineData("sk-sk-1")]
    public void The_worst_line_takes_little_longer_than_any_other(string piece)
    {
        var redaction = new SecretRedaction(["hunter2-hunter2"]);
        var line = string.Concat(Enumerable.Repeat(piece, 16_384 / piece.Length));
        redaction.Redact(line);
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < 10; i++)
        {
            redaction.Redact(line);
        }

        // A hundred times what it takes: what is looked for is a time that grows by the square, which would be minutes.
        Stopwatch.GetElapsedTime(started).ShouldBeLessThan(TimeSpan.FromSeconds(5));
    }
}
