using System.Text.Json;
using System.Text.Json.Serialization;

namespace ControlCenter.Runtime.Commands;

/// <summary>What a change does to an amount that may be missing: leaves it (the field is left out), takes it away (it is null) or sets it.</summary>
/// <param name="IsGiven">Whether the field is there at all.</param>
/// <param name="Amount">What it becomes.</param>
[JsonConverter(typeof(Converter))]
public readonly record struct AmountChange(bool IsGiven, decimal? Amount)
{
    /// <summary>Sets the amount, or takes it away with null.</summary>
    public static AmountChange To(decimal? amount) => new(true, amount);

    private sealed class Converter : JsonConverter<AmountChange>
    {
        public override bool HandleNull => true;

        public override AmountChange Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
        {
            JsonTokenType.Null => To(null),
            JsonTokenType.Number => To(reader.GetDecimal()),
            _ => throw new JsonException("A number or null was expected."),
        };

        public override void Write(Utf8JsonWriter writer, AmountChange value, JsonSerializerOptions options)
        {
            if (value.Amount is { } amount)
            {
                writer.WriteNumberValue(amount);
            }
            else
            {
                writer.WriteNullValue();
            }
        }
    }
}
