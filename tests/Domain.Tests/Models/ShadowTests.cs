using System.Text;
using System.Text.Json;
using ControlCenter.Domain.Models;

namespace ControlCenter.Domain.Tests.Models;

public sealed class ShadowTests
{
    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(0.5, 20, 85)]
    [InlineData(25, 2_350, 2_650)]
    [InlineData(100, 10_000, 10_000)]
    public void The_share_of_calls_that_is_wanted_is_compared_and_each_is_always_decided_the_same_way(double percent, int least, int most)
    {
        var calls = Enumerable.Range(0, 10_000).Select(Call).ToList();
        var sampled = calls.Where(c => ShadowRules.Samples(c, (decimal)percent)).ToList();
        sampled.Count.ShouldBeInRange(least, most);
        calls.Where(c => ShadowRules.Samples(c, (decimal)percent)).ShouldBe(sampled);
        calls.Where(c => ShadowRules.Samples(c, (decimal)percent / 2)).ShouldBeSubsetOf(sampled, "a smaller share is a part of a larger one");
    }

    [Fact]
    public void A_judge_sees_the_shadow_first_about_every_other_time_whichever_calls_are_sampled()
    {
        var sampled = Enumerable.Range(0, 10_000).Select(Call).Where(c => ShadowRules.Samples(c, 10)).ToList();
        ((double)sampled.Count(ShadowRules.ShowsShadowFirst) / sampled.Count).ShouldBeInRange(0.44, 0.56);
    }

    [Theory]
    [InlineData("""{"a": 90, "b": 60.5}""", 90, 60.5)]
    [InlineData("""A is better. ```json {"b": 0, "a": 100, "why": "it is"} ``` That is all.""", 100, 0)]
    public void A_verdict_is_read_and_laid_to_the_answers_in_the_order_in_which_they_were_shown(string said, double a, double b)
    {
        ShadowVerdict.Read(said, shadowFirst: false).ShouldBe(new ShadowScores((decimal)a, (decimal)b));
        ShadowVerdict.Read(said, shadowFirst: true).ShouldBe(new ShadowScores((decimal)b, (decimal)a));
    }

    [Theory]
    [InlineData("")]
    [InlineData("A: 90, B: 60")]
    [InlineData("} {")]
    [InlineData("""{"a": 90}""")]
    [InlineData("""{"a": "90", "b": 60}""")]
    [InlineData("""{"a": 101, "b": 60}""")]
    [InlineData("""{"a": -1, "b": 60}""")]
    [InlineData("""{"a": 1e400, "b": 60}""")]
    [InlineData("""{"a": 90, "b": """)]
    [InlineData("""First {"a": 1, "b": 2}, no: {"a": 2, "b": 1}""")]
    public void What_is_no_pair_of_scores_is_no_verdict(string said) => ShadowVerdict.Read(said, shadowFirst: false).ShouldBeNull();

    [Theory]
    [InlineData(Dialect.Anthropic)]
    [InlineData(Dialect.Openai)]
    public void A_judge_is_asked_with_the_words_of_the_request_and_both_answers_and_bounded(Dialect dialect)
    {
        var longest = new string('x', 100_000);
        var body = JsonSerializer.SerializeToElement(new
        {
            model = "secret-model",
            system = "Be brief.",
            messages = new object[]
            {
                new { role = "user", content = longest },
                new { role = "user", content = new object[] { new { type = "image", source = new { data = "QUJD" } }, new { type = "text", text = "What is \"it\"?" } } },
            },
        });
        var asked = ShadowVerdict.Ask(dialect, "a-judge", body, "first " + longest, "second");
        asked.Length.ShouldBeLessThan(130_000);
        var request = ModelRequest.Read(asked);
        (request.Model, request.MaxOutput, request.IsStreaming).ShouldBe(("a-judge", 4_000, false));
        var material = JsonDocument.Parse(JsonDocument.Parse(asked).RootElement.GetProperty("messages").EnumerateArray().Last().GetProperty("content").GetString()!).RootElement;
        material.GetProperty("request").GetString()!.ShouldEndWith("user: What is \"it\"?\n");
        material.GetProperty("answer_a").GetString()!.ShouldStartWith("first x");
        material.GetProperty("answer_b").GetString().ShouldBe("second");
        Encoding.UTF8.GetString(asked).ShouldNotContain("QUJD");
        Encoding.UTF8.GetString(asked).ShouldNotContain("secret-model");
    }

    [Fact]
    public void Half_a_character_in_a_request_is_no_text_and_no_fault() =>
        ShadowVerdict.Ask(Dialect.Anthropic, "j", JsonDocument.Parse("""{"messages":[{"role":"user","content":"\ud800"}]}""").RootElement, "a", "b").ShouldNotBeEmpty();

    [Theory]
    [InlineData("""{"model":"m"}""", true)]
    [InlineData("""{"tools":null,"background":false,"previous_response_id":null}""", true)]
    [InlineData("""{"tools":[{"name":"look"},{"type":"function"},{"type":"custom"}]}""", true)]
    [InlineData("""{"tools":[{"name":"look"},{"type":"web_search_20250305"}]}""", false)]
    [InlineData("""{"tools":[{"type":"mcp"}]}""", false)]
    [InlineData("""{"tools":"all"}""", false)]
    [InlineData("""{"mcp_servers":[{}]}""", false)]
    [InlineData("""{"web_search_options":{}}""", false)]
    [InlineData("""{"conversation":"conv_1"}""", false)]
    [InlineData("""{"previous_response_id":"resp_1"}""", false)]
    [InlineData("""{"background":true}""", false)]
    public void A_request_by_which_a_provider_would_do_more_than_answer_is_not_asked_again(string body, bool may) =>
        ShadowRules.MayBeAskedAgain(JsonDocument.Parse(body).RootElement).ShouldBe(may);

    [Theory]
    [InlineData(ModelEndpoint.Messages, """{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"It "},{"type":"text","text":"is."}]}""", "It is.", false)]
    [InlineData(ModelEndpoint.Messages, """{"content":[{"type":"text","text":"Look"},{"type":"tool_use","name":"look","input":{}}]}""", "Look", true)]
    [InlineData(ModelEndpoint.Messages, """{"content":[{"type":"server_tool_use"}]}""", "", true)]
    [InlineData(ModelEndpoint.ChatCompletions, """{"choices":[{"message":{"content":"It is.","tool_calls":[]}}]}""", "It is.", false)]
    [InlineData(ModelEndpoint.ChatCompletions, """{"choices":[{"message":{"content":null,"tool_calls":[{"id":"1"}]}}]}""", "", true)]
    [InlineData(ModelEndpoint.Responses, """{"output":[{"type":"reasoning"},{"type":"message","content":[{"type":"output_text","text":"It is."}]}]}""", "It is.", false)]
    [InlineData(ModelEndpoint.Responses, """{"output":[{"type":"function_call","name":"look"}]}""", "", true)]
    public void A_whole_answer_is_read_for_its_words_and_its_tools(ModelEndpoint endpoint, string whole, string text, bool callsTools) =>
        ShouldSay(AnswerText.Read(endpoint, isStream: false, Encoding.UTF8.GetBytes(whole)), text, callsTools);

    [Theory]
    [InlineData(ModelEndpoint.Messages, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n: a comment\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"It is.\"}}\n\n", "It is.", false)]
    [InlineData(ModelEndpoint.Messages, "data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"tool_use\",\"name\":\"look\"}}\n\n", "", true)]
    [InlineData(ModelEndpoint.ChatCompletions, "data: {\"choices\":[{\"delta\":{\"content\":\"It \"}}]}\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"is.\"}}]}\r\n\r\ndata: {\"choices\":[],\"usage\":{}}\r\n\r\ndata: [DONE]\r\n\r\n", "It is.", false)]
    [InlineData(ModelEndpoint.ChatCompletions, "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0}]}}]}\n\ndata: [DONE]\n\n", "", true)]
    [InlineData(ModelEndpoint.Responses, "data: {\"type\":\"response.output_text.delta\",\"delta\":\"It\"}\n\ndata: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"It is.\"}]}}\n\n", "It is.", false)]
    [InlineData(ModelEndpoint.Responses, "data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"web_search_call\"}}\n\n", "", true)]
    public void A_stream_is_read_for_its_words_and_its_tools(ModelEndpoint endpoint, string stream, string text, bool callsTools) =>
        ShouldSay(AnswerText.Read(endpoint, isStream: true, Encoding.UTF8.GetBytes(stream)), text, callsTools);

    [Theory]
    [InlineData("<html>", false)]
    [InlineData("[1]", false)]
    [InlineData("data: {\"choices\"\n\n", true)]
    public void What_is_no_answer_says_nothing(string answer, bool isStream) =>
        AnswerText.Read(ModelEndpoint.ChatCompletions, isStream, Encoding.UTF8.GetBytes(answer)).ShouldBeNull();

    private static void ShouldSay(AnswerText? answer, string text, bool callsTools) => (answer?.Text, answer?.CallsTools).ShouldBe((text, (bool?)callsTools));

    // Always the same ones: a share that is tested must not depend on luck.
    private static Guid Call(int number) => new(number, 0x19a, 0x7000, 0x80, 0, 0, 0, 0, 0, 0, 1);
}
