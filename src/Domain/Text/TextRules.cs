namespace ControlCenter.Domain.Text;

/// <summary>What text may be: each rule answers with what is wrong, or null.</summary>
public static class TextRules
{
    /// <summary>The longest name, in UTF-16 units.</summary>
    public const int LongestName = 200;

    /// <summary>The longest title, in UTF-16 units.</summary>
    public const int LongestTitle = 500;

    /// <summary>The longest free text, in UTF-16 units.</summary>
    public const int LongestText = 64 * 1024;

    /// <summary>A name: one line of 1 to 200 characters.</summary>
    public static string? Name(string? text) => Line(text, LongestName);

    /// <summary>A name that may be left out.</summary>
    public static string? OptionalName(string? text) => text is null ? null : Name(text);

    /// <summary>A title: one line of 1 to 500 characters.</summary>
    public static string? Title(string? text) => Line(text, LongestTitle);

    /// <summary>Free text that must be there: 1 character to 64 KiB.</summary>
    public static string? LongText(string? text) => string.IsNullOrWhiteSpace(text) ? "It must not be empty." : OptionalLongText(text);

    /// <summary>Free text that may be left out: up to 64 KiB.</summary>
    public static string? OptionalLongText(string? text) =>
        text is null ? null
        : text.Length > LongestText ? $"At the most {LongestText} characters; {text.Length} were given."
        : Storable(text);

    /// <summary>A list of names; one that stands twice counts twice.</summary>
    public static string? NameList(IReadOnlyList<string>? names, int most)
    {
        if (names is null)
        {
            return null;
        }

        return names.Count > most ? $"At the most {most}; {names.Count} were given." : names.Select(Name).FirstOrDefault(problem => problem is not null);
    }

    /// <summary>Text that PostgreSQL can hold: no NUL, no half of a surrogate pair.</summary>
    public static string? Storable(ReadOnlySpan<char> text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\0')
            {
                return "It has a NUL character, which cannot be stored.";
            }

            if (char.IsSurrogate(text[i]))
            {
                if (i + 1 >= text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
                {
                    return "It is not valid Unicode: half of a surrogate pair stands alone.";
                }

                i++;
            }
        }

        return null;
    }

    private static string? Line(string? text, int longest)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            return "It must not be empty.";
        }

        if (text.Length > longest)
        {
            return $"At the most {longest} characters; {text.Length} were given.";
        }

        return Storable(text) ?? (text.Any(char.IsControl) ? "It must be one line without control characters." : null);
    }
}
