using System.Text.Json;
using System.Text.Json.Serialization;

namespace ControlCenter.Runtime.Commands;

/// <summary>What a change does to a text that may be empty: leaves it (the field is left out), clears it (it is null) or sets it.</summary>
/// <param name="IsGiven">Whether the field is there at all.</param>
/// <param name="Text">What it becomes.</param>
[JsonConverter(typeof(Converter))]
public readonly record struct TextChange(bool IsGiven, string? Text)
{
    /// <summary>Sets the text, or clears it with null.</summary>
    public static TextChange To(string? text) => new(true, text);

    private sealed class Converter : JsonConverter<TextChange>
    {
        public override bool HandleNull => true;

        public override TextChange Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
        {
            JsonTokenType.Null => To(null),
            JsonTokenType.String => To(reader.GetString()),
            _ => throw new JsonException("Text or null was expected."),
        };

        public override void Write(Utf8JsonWriter writer, TextChange value, JsonSerializerOptions options) => writer.WriteStringValue(value.Text);
    }
}
