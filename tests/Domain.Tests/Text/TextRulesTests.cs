using System.Text.Json;
using ControlCenter.Domain.Json;
using ControlCenter.Domain.Text;

namespace ControlCenter.Domain.Tests.Text;

public sealed class TextRulesTests
{
    [Fact]
    public void What_PostgreSQL_cannot_hold_is_refused_everywhere()
    {
        // Not data of a theory: attributes are kept as UTF-8, which has no lone surrogates.
        foreach (var text in new[] { "\0", "a\ud800", "\udc00a", "\ud800\ud800\udc00" })
        {
            TextRules.Name("a" + text).ShouldNotBeNull();
            TextRules.Title("a" + text).ShouldNotBeNull();
            TextRules.LongText("a" + text).ShouldNotBeNull();
            TextRules.OptionalLongText(text).ShouldNotBeNull();
            TextRules.NameList(["fine", "a" + text], most: 5).ShouldNotBeNull();
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" \t\n")]
    [InlineData("two\nlines")]
    [InlineData("a\u0007bell")]
    [InlineData("a\u0085next line")]
    public void A_name_is_one_line_that_says_something(string? text)
    {
        TextRules.Name(text).ShouldNotBeNull();
        TextRules.Title(text).ShouldNotBeNull();
    }

    [Fact]
    public void The_longest_of_each_passes_and_one_character_more_does_not()
    {
        TextRules.Name(new string('a', 200)).ShouldBeNull();
        TextRules.Name(new string('a', 201)).ShouldBe("At the most 200 characters; 201 were given.");
        TextRules.Title(new string('a', 500)).ShouldBeNull();
        TextRules.Title(new string('a', 501)).ShouldNotBeNull();
        TextRules.OptionalLongText(new string('a', 65_536)).ShouldBeNull();
        TextRules.OptionalLongText(new string('a', 65_537)).ShouldNotBeNull();
        TextRules.NameList(["a", "b"], most: 2).ShouldBeNull();
        TextRules.NameList(["a", "b", "c"], most: 2).ShouldNotBeNull();
    }

    [Fact]
    public void Words_of_any_language_lines_and_emoji_are_text()
    {
        TextRules.Name("Größe 数 😀").ShouldBeNull();
        TextRules.LongText("one\r\n\ttwo 👩‍🔬").ShouldBeNull();
        TextRules.OptionalName(null).ShouldBeNull();
        TextRules.OptionalLongText(null).ShouldBeNull();
        TextRules.NameList(null, most: 0).ShouldBeNull();
    }

    [Theory]
    [InlineData("""{"a":["\u0000"]}""", false)]
    [InlineData("""{"\u0000":1}""", false)]
    [InlineData("""["\ud800"]""", false)]
    [InlineData("""{"\udc00":1}""", false)]
    [InlineData("""{"a":[1,"\ud83d\ude00",null,true]}""", true)]
    [InlineData("""{"a":"\\u0000 is only spelled out"}""", true)]
    public void JSON_of_a_callers_own_is_held_to_the_same(string json, bool storable) =>
        (JsonRules.Storable(JsonElement.Parse(json)) is null).ShouldBe(storable);

    [Fact]
    public void No_JSON_is_nothing_wrong()
    {
        JsonRules.Storable(null).ShouldBeNull();
        JsonRules.Storable(default(JsonElement)).ShouldBeNull();
    }
}
