using System.Text;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Problems;

namespace ControlCenter.Domain.Tests.Models;

public sealed class ModelRequestTests
{
    private static readonly Module Module = new("canonical", "p", "up\"stream", MaxOutput: 8_000);

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("\"model\"")]
    [InlineData("{")]
    [InlineData("{\"model\":\"x\"")]
    [InlineData("{\"model\":\"x\"} {}")]
    [InlineData("{\"model\":\"x\"}trailing")]
    [InlineData("{\"model\":\"x\",}")]
    [InlineData("{\"model\":1}")]
    [InlineData("{\"model\":{\"model\":\"x\"}}")]
    [InlineData("{\"model\":[\"x\"]}")]
    [InlineData("{/* */\"model\":\"x\"}")]
    [InlineData("{'model':'x'}")]
    [InlineData("\uFEFF{\"model\":\"x\"}")]
    [InlineData("{\"model\":\"\\ud800\"}")]
    [InlineData("{\"model\":\"cheap\",\"model\":\"dear\"}")]
    [InlineData("{\"model\":\"cheap\",\"mod\\u0065l\":\"dear\"}")]
    [InlineData("{\"model\":\"x\",\"stream_options\":{},\"stream_options\":{}}")]
    public void What_is_not_the_one_object_that_is_meant_is_refused_without_its_words_being_repeated(string body)
    {
        var refused = Should.Throw<DomainException>(() => Read(body));
        refused.Code.ShouldBe(ProblemTypes.MalformedJson);
        refused.Message.ShouldNotContain("cheap");
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"model\":\"\"}")]
    [InlineData("{\"model\":null}")]
    [InlineData("{\"messages\":[{\"model\":\"nested\"}]}")]
    public void A_body_without_a_model_of_its_own_says_so(string body) => Should.Throw<ValidationException>(() => Read(body)).Errors!.Keys.ShouldBe(["model"]);

    [Fact]
    public void Nesting_without_end_is_refused_and_does_not_overflow() =>
        Should.Throw<DomainException>(() => Read("{\"model\":\"x\",\"a\":" + new string('[', 100_000) + new string(']', 100_000) + "}")).Code.ShouldBe(ProblemTypes.MalformedJson);

    [Theory]
    [InlineData("{\"model\":\"x\"}")]
    [InlineData(" {\t\"a\" : 1.50 ,\r\n \"model\"  :   \"x\" , \"b\":[ 1e400, null , true ] } \n")]
    [InlineData("{\"z\":{\"model\":\"untouched\"},\"model\":\"x\",\"messages\":[{\"content\":\"\\\"model\\\":\\\"x\\\" \\u00e9 é 漢\"}]}")]
    [InlineData("{\"mod\\u0065l\":\"x\"}")]
    public void Only_the_models_name_is_replaced_and_every_other_byte_stays(string body)
    {
        var at = body.IndexOf("\"x\"", StringComparison.Ordinal);
        TextOf(Read(body).BodyFor(Module, askForUsage: false)).ShouldBe(body[..at] + "\"up\\u0022stream\"" + body[(at + 3)..]);
    }

    [Theory]
    [InlineData("{\"model\":\"x\",\"stream\":true}", "{\"stream_options\":{\"include_usage\":true},\"model\":\"up\\u0022stream\",\"stream\":true}")]
    [InlineData("{\"stream_options\":{\"a\":[1, 2]},\"model\":\"x\"}", "{\"stream_options\":{\"a\":[1,2],\"include_usage\":true},\"model\":\"up\\u0022stream\"}")]
    [InlineData("{\"model\":\"x\",\"stream_options\":{\"include_usage\":false}}", "{\"model\":\"up\\u0022stream\",\"stream_options\":{\"include_usage\":true}}")]
    [InlineData("{\"model\":\"x\",\"stream_options\":null}", "{\"model\":\"up\\u0022stream\",\"stream_options\":{\"include_usage\":true}}")]
    [InlineData("{\"model\":\"x\",\"stream_options\":5}", "{\"model\":\"up\\u0022stream\",\"stream_options\":5}")]
    [InlineData("{\"model\":\"x\",\"stream_options\":[{}]}", "{\"model\":\"up\\u0022stream\",\"stream_options\":[{}]}")]
    public void The_wish_for_the_usage_is_added_to_what_is_there_and_what_is_wrong_stays_wrong(string body, string sent)
    {
        var request = Read(body);
        request.IncludesUsage.ShouldBeFalse();
        TextOf(request.BodyFor(Module, askForUsage: true)).ShouldBe(sent);
    }

    [Fact]
    public void A_caller_that_asks_for_the_usage_is_known_to() => Read("{\"model\":\"x\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}").IncludesUsage.ShouldBeTrue();

    [Theory]
    [InlineData("\"stream\":true", true)]
    [InlineData("\"stream\":false", false)]
    [InlineData("\"stream\":\"true\"", false)]
    [InlineData("\"a\":{\"stream\":true}", false)]
    public void It_streams_if_it_says_so_itself(string field, bool streams) => Read($"{{\"model\":\"x\",{field}}}").IsStreaming.ShouldBe(streams);

    [Theory]
    [InlineData("\"max_tokens\":100", 100)]
    [InlineData("\"max_completion_tokens\":100", 100)]
    [InlineData("\"max_output_tokens\":100,\"n\":3", 300)]
    [InlineData("\"max_tokens\":700,\"max_output_tokens\":1", 700)]
    [InlineData("\"max_tokens\":700,\"max_tokens\":1", 700)]
    [InlineData("\"n\":5,\"n\":1,\"max_tokens\":10", 50)]
    [InlineData("\"a\":1", 8_000)]
    [InlineData("\"n\":2", 16_000)]
    [InlineData("\"max_tokens\":-5", 8_000)]
    [InlineData("\"max_tokens\":\"5\"", 8_000)]
    [InlineData("\"max_tokens\":1.5", 8_000)]
    [InlineData("\"max_tokens\":{\"max_tokens\":5}", 8_000)]
    [InlineData("\"max_tokens\":9223372036854775807", 8_000)]
    [InlineData("\"max_tokens\":9223372036854775807,\"n\":2147483647", 1_000_000_000)]
    public void What_is_set_aside_for_the_answer_is_the_most_that_any_field_allows_and_never_overflows(string fields, long bound) =>
        Read($"{{\"model\":\"x\",{fields}}}").OutputBound(Module).ShouldBe(bound);

    [Fact]
    public void Without_any_bound_there_is_still_one()
    {
        var unknown = new Module("m", "p", "u");
        Read("{\"model\":\"x\"}").OutputBound(unknown).ShouldBe(32_000);
        Read("{\"model\":\"x\",\"max_tokens\":9223372036854775807,\"n\":3}").OutputBound(unknown).ShouldBe(1_000_000_000);
    }

    [Fact]
    public void Text_counts_by_its_length_wherever_it_stands()
    {
        EstimateOf("\"messages\":[{\"content\":\"" + new string('a', 3_000_000) + "\"}]").ShouldBeInRange(1_000_000, 1_000_100);
        EstimateOf("\"tools\":[{" + string.Join(',', Enumerable.Range(0, 1_000).Select(i => $"\"a_long_property_name_{i}\":{i}")) + "}]").ShouldBeGreaterThan(7_000);
    }

    [Theory]
    [InlineData("\"source\":{\"type\":\"base64\",\"data\":\"{0}\"}")]
    [InlineData("\"image_url\":{\"url\":\"data:image/png;base64,{0}\"}")]
    [InlineData("\"image_url\":\"data:image/png;base64,{0}\"")]
    public void An_image_counts_as_an_image_however_many_bytes_it_has(string image) =>
        EstimateOf(image.Replace("{0}", new string('A', 5_000_000), StringComparison.Ordinal)).ShouldBeInRange(5_000, 5_100);

    [Fact]
    public void A_document_counts_by_its_length_and_prose_that_looks_like_an_image_counts_as_prose()
    {
        EstimateOf("\"source\":{\"data\":\"JVBERi0xLjcK" + new string('A', 2_000_000) + "\"}").ShouldBeGreaterThan(100_000);
        EstimateOf("\"content\":\"" + new string('A', 3_000_000) + "\"").ShouldBeGreaterThan(1_000_000 - 1);
    }

    private static long EstimateOf(string field) => Read($"{{\"model\":\"x\",{field}}}").InputEstimate;

    private static ModelRequest Read(string body) => ModelRequest.Read(Encoding.UTF8.GetBytes(body));

    private static string TextOf(ReadOnlyMemory<byte>[] parts) => Encoding.UTF8.GetString([.. parts.SelectMany(p => p.ToArray())]);
}
