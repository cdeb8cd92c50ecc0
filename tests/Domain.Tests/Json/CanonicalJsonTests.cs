using System.Text.Json;
using ControlCenter.Domain.Json;
using ControlCenter.Domain.Problems;
using FsCheck;
using FsCheck.Fluent;

namespace ControlCenter.Domain.Tests.Json;

public sealed class CanonicalJsonTests
{
    /// <summary>RFC 8785, appendix B: doubles by their bits, and what they are written as.</summary>
    [Theory]
    [InlineData(0x0000000000000000, "0")]
    [InlineData(0x8000000000000000, "0")]
    [InlineData(0x0000000000000001, "5e-324")]
    [InlineData(0x8000000000000001, "-5e-324")]
    [InlineData(0x7fefffffffffffff, "1.7976931348623157e+308")]
    [InlineData(0xffefffffffffffff, "-1.7976931348623157e+308")]
    [InlineData(0x4340000000000000, "9007199254740992")]
    [InlineData(0xc340000000000000, "-9007199254740992")]
    [InlineData(0x4430000000000000, "295147905179352830000")]
    [InlineData(0x44b52d02c7e14af5, "9.999999999999997e+22")]
    [InlineData(0x44b52d02c7e14af6, "1e+23")]
    [InlineData(0x44b52d02c7e14af7, "1.0000000000000001e+23")]
    [InlineData(0x444b1ae4d6e2ef4e, "999999999999999700000")]
    [InlineData(0x444b1ae4d6e2ef4f, "999999999999999900000")]
    [InlineData(0x444b1ae4d6e2ef50, "1e+21")]
    [InlineData(0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7")]
    [InlineData(0x3eb0c6f7a0b5ed8d, "0.000001")]
    [InlineData(0x41b3de4355555553, "333333333.3333332")]
    [InlineData(0x41b3de4355555554, "333333333.33333325")]
    [InlineData(0x41b3de4355555555, "333333333.3333333")]
    [InlineData(0x41b3de4355555556, "333333333.3333334")]
    [InlineData(0x41b3de4355555557, "333333333.33333343")]
    [InlineData(0xbecbf647612f3696, "-0.0000033333333333333333")]
    [InlineData(0x43143ff3c1cb0959, "1424953923781206.2")]
    public void Numbers_are_written_as_the_rfc_says(ulong bits, string expected) =>
        Canonical(BitConverter.UInt64BitsToDouble(bits).ToString("R", System.Globalization.CultureInfo.InvariantCulture)).ShouldBe(expected);

    [Fact]
    public void Names_are_sorted_by_their_utf16_units() =>
        Canonical("""{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}""")
            .ShouldBe("{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}");

    [Fact]
    public void The_rfcs_own_example_comes_out_as_printed_there() =>
        Canonical("""{ "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001], "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false] }""")
            .ShouldBe("""{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}""");

    [Fact]
    public void Equal_values_have_one_hash_however_they_are_written() =>
        ActionHash.Of(JsonElement.Parse("""{"a":[1.0,{"y":2,"x":"\u0041"}]}""")).ShouldBe(ActionHash.Of(JsonElement.Parse("""{ "a" : [ 1, {"x":"A","y":2e0} ] }""")));

    [Theory]
    [InlineData("1e999")]
    [InlineData("""{"a":1,"a":2}""")]
    [InlineData("-1e999")]
    [InlineData("""{"a":1,"\u0061":2}""")]
    [InlineData("""["\ud800"]""")]
    [InlineData("""["\udc00\ud800"]""")]
    [InlineData("""{"\udfff":1}""")]
    public void What_has_no_canonical_form_is_refused(string json) => Should.Throw<ValidationException>(() => Canonical(json));

    [Fact]
    public void Every_double_comes_back_as_itself() =>
        Check.QuickThrowOnFailure(Prop.ForAll(ArbMap.Default.ArbFor<long>(), seed =>
        {
            var number = BitConverter.Int64BitsToDouble(new System.Random((int)seed).NextInt64(long.MinValue, long.MaxValue));
            if (double.IsFinite(number))
            {
                double.Parse(Canonical(number.ToString("R", System.Globalization.CultureInfo.InvariantCulture)), System.Globalization.CultureInfo.InvariantCulture).ShouldBe(number);
            }
        }));

    [Fact]
    public void The_canonical_form_is_its_own_canonical_form_and_means_the_same() =>
        Check.QuickThrowOnFailure(Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            var json = AnyJson(new System.Random(seed), depth: 0, shuffle: null);
            var canonical = Canonical(json);
            Canonical(canonical).ShouldBe(canonical);
            JsonElement.DeepEquals(JsonElement.Parse(canonical), JsonElement.Parse(json)).ShouldBeTrue(json);
        }));

    [Fact]
    public void The_order_of_names_makes_no_difference() =>
        Check.QuickThrowOnFailure(Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
            ActionHash.Of(JsonElement.Parse(AnyJson(new System.Random(seed), depth: 0, shuffle: new System.Random(1))))
                .ShouldBe(ActionHash.Of(JsonElement.Parse(AnyJson(new System.Random(seed), depth: 0, shuffle: new System.Random(2)))))));

    [Fact]
    public void A_hash_is_the_sha256_of_the_form_in_lower_case() =>
        ActionHash.Of(JsonElement.Parse("{ }")).ShouldBe("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");

    /// <summary>The same value for the same seed; only the order of its names follows <paramref name="shuffle"/>.</summary>
    private static string AnyJson(System.Random random, int depth, System.Random? shuffle)
    {
        string[] texts = ["", "a", "b", "B", "\u20ac", "\ud83d\ude00", "\ufb33", "\u0000", "\"\\/", "\u2028"];
        switch (random.Next(depth > 3 ? 4 : 6))
        {
            case 0:
                return JsonSerializer.Serialize(texts[random.Next(texts.Length)]);
            case 1:
                return (random.NextDouble() * Math.Pow(10, random.Next(-30, 30))).ToString("R", System.Globalization.CultureInfo.InvariantCulture);
            case 2:
                return random.Next(-1000, 1000).ToString(System.Globalization.CultureInfo.InvariantCulture);
            case 3:
                return random.Next(3) switch { 0 => "true", 1 => "false", _ => "null" };
            case 4:
                return $"[{string.Join(" , ", Enumerable.Range(0, random.Next(4)).Select(_ => AnyJson(random, depth + 1, shuffle)))}]";
            default:
                var members = texts.Where(_ => random.Next(2) == 0).Select(name => $"{JsonSerializer.Serialize(name)} : {AnyJson(random, depth + 1, shuffle)}").ToArray();
                shuffle?.Shuffle(members);
                return $"{{{string.Join(',', members)}}}";
        }
    }

    private static string Canonical(string json) => CanonicalJson.Of(JsonElement.Parse(json));
}
