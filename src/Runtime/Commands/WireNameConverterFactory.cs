using System.Text.Json;
using System.Text.Json.Serialization;
using ControlCenter.Domain.Text;

namespace ControlCenter.Runtime.Commands;

/// <summary>Enums on the wire: their <see cref="WireNames{TEnum}"/>, and nothing else, not even a number.</summary>
internal sealed class WireNameConverterFactory : JsonConverterFactory
{
    public override bool CanConvert(Type typeToConvert) => typeToConvert.IsEnum;

    public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
        (JsonConverter)Activator.CreateInstance(typeof(Converter<>).MakeGenericType(typeToConvert))!;

    private sealed class Converter<TEnum> : JsonConverter<TEnum>
        where TEnum : struct, Enum
    {
        public override TEnum Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.String && WireNames<TEnum>.TryParse(reader.GetString(), out var value)
                ? value
                : throw new JsonException($"One of {string.Join(", ", WireNames<TEnum>.All)} was expected.");

        public override void Write(Utf8JsonWriter writer, TEnum value, JsonSerializerOptions options) =>
            writer.WriteStringValue(WireNames<TEnum>.ToWire(value));
    }
}
