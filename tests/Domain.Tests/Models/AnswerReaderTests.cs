using System.Text;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Models;

namespace ControlCenter.Domain.Tests.Models;

public sealed class AnswerReaderTests
{
    private const string Messages =
        """
        event: message_start
        data: {"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":80,"cache_read_input_tokens":20,"cache_creation_input_tokens":5,"output_tokens":1}}}

        : a comment
        event: ping
        data: {"type": "ping"}

        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"The \"answer\" is 漢字."}}

        data:{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"data: {\"type\":\"message_stop\"}\n\n"}}

        event: message_delta
        data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":12}}

        event: message_stop
        data: {"type":"message_stop"}


        """;

    private const string Chat =
        """
        data: {"id":"c1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}

        : a comment

        data: {"id":"c1","choices":[{"index":0,"delta":{"content":"The \"usage\" is 漢字."},"finish_reason":null}],"usage":null}

        data: {"id":"c1","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":12,"prompt_tokens_details":{"cached_tokens":20},"completion_tokens_details":{"reasoning_tokens":3}}}

        data: [DONE]


        """;

    private const string Responses =
        """
        event: response.created
        data: {"type":"response.created","response":{"id":"resp_1","usage":null}}

        : a comment

        event: response.output_text.delta
        data: {"type":"response.output_text.delta","item_id":"m","output_index":0,"delta":"The \"answer\" is 漢字.","logprobs":[]}

        event: response.completed
        data: {"type":"response.completed","response":{"id":"resp_1","usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":20},"output_tokens":12,"output_tokens_details":{"reasoning_tokens":3}}}}


        """;

    public static TheoryData<ModelEndpoint, string, TokenUsage> Streams() => new()
    {
        { ModelEndpoint.Messages, Messages, new TokenUsage(80, 12, 20, 5) },
        { ModelEndpoint.ChatCompletions, Chat, new TokenUsage(80, 12, 20, null, 3) },
        { ModelEndpoint.Responses, Responses, new TokenUsage(80, 12, 20, null, 3) },
    };

    [Theory]
    [MemberData(nameof(Streams))]
    public void A_stream_is_read_the_same_wherever_its_bytes_are_cut(ModelEndpoint endpoint, string stream, TokenUsage usage)
    {
        foreach (var text in new[] { stream, stream.Replace("\n", "\r\n", StringComparison.Ordinal) })
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            var whole = Read(endpoint, bytes);
            (whole.IsComplete, whole.HasFailed, whole.Usage).ShouldBe((true, false, usage));
            whole.OutputSeen.ShouldBeInRange(4, 16);
            for (var cut = 0; cut <= bytes.Length; cut++)
            {
                var reader = Read(endpoint, bytes[..cut], bytes[cut..]);
                (reader.IsComplete, reader.Usage, reader.OutputSeen).ShouldBe((true, usage, whole.OutputSeen), $"cut at {cut}");
            }

            var byteByByte = Read(endpoint, [.. bytes.Select(b => new[] { b })]);
            (byteByByte.IsComplete, byteByByte.Usage, byteByByte.OutputSeen).ShouldBe((true, usage, whole.OutputSeen));
        }
    }

    [Theory]
    [MemberData(nameof(Streams))]
    public void A_stream_that_is_cut_is_never_complete_and_never_failed(ModelEndpoint endpoint, string stream, TokenUsage usage)
    {
        var bytes = Encoding.UTF8.GetBytes(stream);
        var end = stream.TrimEnd().Length - 1;
        for (var cut = 0; cut < Encoding.UTF8.GetByteCount(stream[..end]); cut++)
        {
            var reader = Read(endpoint, bytes[..cut]);
            (reader.IsComplete, reader.HasFailed).ShouldBe((false, false), $"cut at {cut}");
            (reader.Usage.Output is null or 12).ShouldBeTrue("the output that is told at the beginning is not what was written");
        }

        usage.IsKnown.ShouldBeTrue();
    }

    [Fact]
    public void About_as_many_tokens_are_seen_as_were_written()
    {
        var words = string.Concat(Enumerable.Repeat("data: {\"type\": \"content_block_delta\", \"index\": 0, \"delta\": {\"type\": \"text_delta\", \"text\": \"word \"}}\n\n", 1_000));
        Read(ModelEndpoint.Messages, Encoding.UTF8.GetBytes(words)).OutputSeen.ShouldBe(1_000);
        var chat = string.Concat(Enumerable.Repeat("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n", 1_000));
        Read(ModelEndpoint.ChatCompletions, Encoding.UTF8.GetBytes(chat)).OutputSeen.ShouldBe(1_000);
        var arguments = "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"arguments\":\"" + new string('a', 4_000) + "\\\\\\\"\"}}]}}]}\n\n";
        Read(ModelEndpoint.ChatCompletions, Encoding.UTF8.GetBytes(arguments)).OutputSeen.ShouldBe(1_001);
    }

    [Theory]
    [InlineData(ModelEndpoint.Messages, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n")]
    [InlineData(ModelEndpoint.ChatCompletions, "data: {\"error\":{\"message\":\"no\"}}\n\n")]
    [InlineData(ModelEndpoint.Responses, "data: {\"type\":\"response.failed\",\"response\":{\"usage\":null}}\n\n")]
    [InlineData(ModelEndpoint.Responses, "data: {\"type\":\"error\",\"message\":\"no\"}\n\n")]
    public void An_error_within_a_stream_is_seen(ModelEndpoint endpoint, string stream) => Read(endpoint, Encoding.UTF8.GetBytes(stream)).HasFailed.ShouldBeTrue();

    [Theory]
    [InlineData(ModelEndpoint.Messages)]
    [InlineData(ModelEndpoint.ChatCompletions)]
    [InlineData(ModelEndpoint.Responses)]
    public void Rubbish_is_passed_over(ModelEndpoint endpoint)
    {
        var rubbish = new byte[100_000];
        new Random(7).NextBytes(rubbish);
        string[] lines =
        [
            "data: {\"type\":5,\"usage\":7}", "data: []", "data: {\"usage\":{\"input_tokens\":-1,\"prompt_tokens\":\"x\",\"completion_tokens\":1e99}}",
            "data: {\"type\":\"message_start\",\"message\":{\"usage\":[]}}", "data: {\"type\":\"message_delta\",\"usage\":null}",
            "data: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":{}}}}", "data: {\"type\":\"response.completed\",\"response\":5}", "data: {\"type\":\"message_start\",\"message\":[]}",
        ];
        Should.NotThrow(() => Read(endpoint, rubbish, Encoding.UTF8.GetBytes("\n" + string.Join("\n\n", lines) + "\n\n"))).Usage.Input.ShouldBeNull();
    }

    [Fact]
    public void A_line_longer_than_is_held_is_passed_over_and_the_next_one_is_read()
    {
        var reader = AnswerReader.For(ModelEndpoint.ChatCompletions, isStream: true);
        reader.Read("data: {\"a\":\""u8);
        var megabyte = Encoding.UTF8.GetBytes(new string('a', 1024 * 1024));
        for (var i = 0; i < 17; i++)
        {
            reader.Read(megabyte);
        }

        reader.Read("\"}\n\ndata: [DONE]\n\n"u8);
        reader.IsComplete.ShouldBeTrue();
    }

    [Theory]
    [InlineData(ModelEndpoint.Messages, """{"usage":{"input_tokens":80,"output_tokens":12,"cache_read_input_tokens":20}}""", true, 80L, 12L)]
    [InlineData(ModelEndpoint.ChatCompletions, """{"usage":{"prompt_tokens":100,"completion_tokens":12,"prompt_tokens_details":{"cached_tokens":20}}}""", true, 80L, 12L)]
    [InlineData(ModelEndpoint.ChatCompletions, """{"usage":{"prompt_tokens":10,"completion_tokens":12,"prompt_tokens_details":{"cached_tokens":20}}}""", true, 0L, 12L)]
    [InlineData(ModelEndpoint.Responses, """{"usage":{"input_tokens":100,"output_tokens":12,"input_tokens_details":{"cached_tokens":20}}}""", true, 80L, 12L)]
    [InlineData(ModelEndpoint.Responses, """{"id":"r"}""", true, null, null)]
    [InlineData(ModelEndpoint.CountTokens, """{"input_tokens":100,"usage":{"input_tokens":100}}""", true, null, null)]
    [InlineData(ModelEndpoint.Messages, "<html>", false, null, null)]
    [InlineData(ModelEndpoint.Messages, "[1]", false, null, null)]
    [InlineData(ModelEndpoint.Messages, """{"usage":{"input_tok""", false, null, null)]
    public void A_whole_answer_is_one_object_and_tells_its_usage(ModelEndpoint endpoint, string answer, bool complete, long? input, long? output)
    {
        var reader = AnswerReader.For(endpoint, isStream: false);
        reader.Read(Encoding.UTF8.GetBytes(answer));
        (reader.IsComplete, reader.Usage.Input, reader.Usage.Output).ShouldBe((complete, input, output));
    }

    [Fact]
    public void The_usage_that_only_the_gateway_asked_for_is_kept_back_wherever_the_bytes_are_cut()
    {
        var kept = "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":100}}\n\n";
        var shown = Chat.Replace("\r", "", StringComparison.Ordinal);
        var at = shown.IndexOf("data: {\"id\":\"c1\",\"choices\":[],", StringComparison.Ordinal);
        var without = shown[..at] + "data: [DONE]\n\n";
        var bytes = Encoding.UTF8.GetBytes(shown[..at] + kept + "data: [DONE]\n\n");
        for (var cut = 0; cut <= bytes.Length; cut++)
        {
            var usage = new ChatUsage();
            var passed = Encoding.UTF8.GetString([.. usage.Pass(bytes.AsSpan(0, cut)).ToArray(), .. usage.Pass(bytes.AsSpan(cut)).ToArray(), .. usage.Rest.ToArray()]);
            passed.TrimEnd('\n').ShouldBe(without.TrimEnd('\n'), $"cut at {cut}");
        }
    }

    private static AnswerReader Read(ModelEndpoint endpoint, params byte[][] pieces)
    {
        var reader = AnswerReader.For(endpoint, isStream: true);
        foreach (var piece in pieces)
        {
            reader.Read(piece);
        }

        return reader;
    }
}
