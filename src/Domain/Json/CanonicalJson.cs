using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ControlCenter.Domain.Problems;

namespace ControlCenter.Domain.Json;

/// <summary>The one form that equal JSON has (RFC 8785, JCS): what is hashed when an action is approved.</summary>
public static class CanonicalJson
{
    /// <summary>The canonical form.</summary>
    /// <exception cref="ValidationException">It has a number that no double holds, a name twice, or text that is not valid Unicode.</exception>
    public static string Of(JsonElement value)
    {
        var text = new StringBuilder();
        Write(text, value);
        return text.ToString();
    }

    private static void Write(StringBuilder text, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                WriteObject(text, value);
                break;
            case JsonValueKind.Array:
                var separator = '[';
                foreach (var item in value.EnumerateArray())
                {
                    text.Append(separator);
                    Write(text, item);
                    separator = ',';
                }

                text.Append(separator == '[' ? "[]" : "]");
                break;
            case JsonValueKind.String:
                WriteString(text, TextOf(() => value.GetString()!));
                break;
            case JsonValueKind.Number:
                text.Append(NumberOf(value));
                break;
            case JsonValueKind.True:
                text.Append("true");
                break;
            case JsonValueKind.False:
                text.Append("false");
                break;
            default:
                text.Append("null");
                break;
        }
    }

    private static void WriteObject(StringBuilder text, JsonElement value)
    {
        // RFC 8785, 3.2.3: names in the order of their UTF-16 units, which is what ordinal comparison is in .NET.
        var properties = new SortedDictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var property in value.EnumerateObject())
        {
            if (!properties.TryAdd(TextOf(() => property.Name), property.Value))
            {
                throw new ValidationException("action", $"The name '{property.Name}' stands twice in one object.");
            }
        }

        var separator = '{';
        foreach (var (name, item) in properties)
        {
            text.Append(separator);
            WriteString(text, name);
            text.Append(':');
            Write(text, item);
            separator = ',';
        }

        text.Append(separator == '{' ? "{}" : "}");
    }

    private static string TextOf(Func<string> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException)
        {
            throw new ValidationException("action", "It is not valid Unicode: half of a surrogate pair stands alone.");
        }
    }

    // RFC 8785, 3.2.2.2.
    private static void WriteString(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (var c in value)
        {
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\b' => text.Append("\\b"),
                '\t' => text.Append("\\t"),
                '\n' => text.Append("\\n"),
                '\f' => text.Append("\\f"),
                '\r' => text.Append("\\r"),
                < ' ' => text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => text.Append(c),
            };
        }

        text.Append('"');
    }

    // RFC 8785, 3.2.2.3: a number is an IEEE 754 double, written as ECMAScript's Number::toString does.
    private static string NumberOf(JsonElement value)
    {
        var number = value.GetDouble();
        if (!double.IsFinite(number))
        {
            throw new ValidationException("action", $"The number {value.GetRawText()} is larger than a double can hold.");
        }

        if (number == 0)
        {
            return "0";
        }

        var shortest = number.ToString("R", CultureInfo.InvariantCulture);
        var (digits, exponent) = DigitsOf(shortest);
        var sign = number < 0 ? "-" : "";
        return sign + Place(digits, exponent);
    }

    // The shortest digits that give the double back, and n such that the value is 0.digits × 10^n.
    private static (string Digits, int Exponent) DigitsOf(string shortest)
    {
        var text = shortest.TrimStart('-');
        var exponent = 0;
        var e = text.IndexOf('E', StringComparison.Ordinal);
        if (e >= 0)
        {
            exponent = int.Parse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
            text = text[..e];
        }

        var point = text.IndexOf('.', StringComparison.Ordinal);
        var whole = point < 0 ? text : text[..point];
        var digits = point < 0 ? text : whole + text[(point + 1)..];
        exponent += whole.Length;
        var leading = digits.Length - digits.TrimStart('0').Length;
        return (digits[leading..].TrimEnd('0'), exponent - leading);
    }

    // ECMA-262, 6.1.6.1.20, steps 6 to 10.
    private static string Place(string digits, int n)
    {
        var k = digits.Length;
        if (k <= n && n <= 21)
        {
            return digits + new string('0', n - k);
        }

        if (n is > 0 and <= 21)
        {
            return $"{digits[..n]}.{digits[n..]}";
        }

        if (n is > -6 and <= 0)
        {
            return $"0.{new string('0', -n)}{digits}";
        }

        var power = n - 1;
        var exponent = (power < 0 ? "e-" : "e+") + Math.Abs(power).ToString(CultureInfo.InvariantCulture);
        return k == 1 ? digits + exponent : $"{digits[..1]}.{digits[1..]}{exponent}";
    }
}

/// <summary>What an approval is for (ES-05).</summary>
public static class ActionHash
{
    /// <summary>SHA-256 of the action's canonical JSON, in lower-case hex.</summary>
    public static string Of(JsonElement action) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(CanonicalJson.Of(action))));
}
