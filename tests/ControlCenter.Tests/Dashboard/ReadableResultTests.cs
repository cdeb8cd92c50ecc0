using ControlCenter.Dashboard.Components;
using ControlCenter.Dashboard.Work;
using static ControlCenter.Tests.Dashboard.Samples;

namespace ControlCenter.Tests.Dashboard;

public sealed class ReadableResultTests
{
    [Fact]
    public void Single_values_are_facts_alike_things_are_tables_and_the_rest_stays_json()
    {
        var result = ReadableResult.Of(Json("""
            {"files": 17, "complete": true, "left_out": [], "largest": [{"path": "/a", "mb": 3}, {"path": "/b", "owner": null}], "tags": ["x", "y"], "tree": {"a": {"b": 1}}}
            """));
        result.Facts.ShouldBe([("files", "17"), ("complete", "yes"), ("left out", "none")]);
        result.Tables.Select(t => t.Name).ShouldBe(["largest", "tags"]);
        result.Tables[0].Columns.ShouldBe(["path", "mb", "owner"]);
        result.Tables[0].Rows[1].ShouldBe(["/b", "", "none"]);
        result.Tables[1].Columns.ShouldBeEmpty();
        result.Rest.Select(r => r.Name).ShouldBe(["tree"]);
    }

    [Theory]
    [InlineData("\"done\"", "done")]
    [InlineData("42", "42")]
    [InlineData("[]", "none")]
    public void A_plain_value_is_a_text(string json, string text) => ReadableResult.Of(Json(json)).Text.ShouldBe(text);

    [Fact]
    public void A_long_list_says_how_much_of_it_is_shown()
    {
        var result = ReadableResult.Of(Json($"[{string.Join(',', Enumerable.Range(0, 250))}]"));
        result.Tables.Single().Rows.Count.ShouldBe(ResultTable.MostRows);
        result.Tables.Single().Total.ShouldBe(250);
    }

    [Fact]
    public void What_cannot_be_seen_is_written_out()
    {
        ReadableJson.Of(Json("""{"command":"rm \u202e gpj.exe","name":"Zoë 日本"}""")).ShouldBe("{\n  \"command\": \"rm \\u202e gpj.exe\",\n  \"name\": \"Zoë 日本\"\n}");
        PlainText.Of("May I run \u202egnp.exe").ShouldBe("May I run \\u202egnp.exe");
        PlainText.Of("שלום, Zoë 👩‍🚀").ShouldBe("שלום, Zoë 👩‍🚀");
    }
}
