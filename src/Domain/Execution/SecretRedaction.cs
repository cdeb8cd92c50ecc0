using System.Buffers;
using System.Text;

namespace ControlCenter.Domain.Execution;

/// <summary>Takes secrets out of an agent's output: the values that it was given, and whatever looks like a key of a known kind.</summary>
/// <remarks>
/// Reads each line once, from left to right, and never back: its time grows with the line and not with what the line says, because an agent
/// chooses what it prints. For the same reason it is no promise: a secret that an agent encodes, splits or translates is not found.
/// Keeps the state of one stream (a private key goes over lines); not for two threads at once.
/// </remarks>
public sealed class SecretRedaction
{
    /// <summary>What stands where a secret stood.</summary>
    public const string Mark = "[redacted]";

    // Shorter values are words that output is full of; taking them out would say what they are.
    private const int ShortestValue = 8;

    // A block that never ends is no block: the lines after so many are shown again.
    private const int LongestBlock = 200;

    /// <summary>How a token begins, and how many of its characters must follow. Sources: the providers' own pages on secret scanning.</summary>
    private static readonly (string Prefix, int AtLeast)[] Tokens =
    [
        ("cck_", 20), ("sk-", 20), ("sk_live_", 16), ("sk_test_", 16), ("rk_live_", 16), ("ghp_", 30), ("gho_", 30), ("ghu_", 30), ("ghs_", 30), ("ghr_", 30), ("github_pat_", 30),
        ("glpat-", 16), ("xoxb-", 16), ("xoxp-", 16), ("xoxa-", 16), ("xoxs-", 16), ("xapp-", 16), ("AKIA", 16), ("ASIA", 16), ("AIza", 30),
        ("npm_", 30), ("pypi-", 30), ("hf_", 30), ("dop_v1_", 40), ("shpat_", 30), ("SG.", 30), ("ya29.", 20),
    ];

    private const string BlockBegins = "-----BEGIN ";
    private const string BlockEnds = "-----END ";

    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.");

    private readonly SearchValues<string> _values;
    private readonly string[] _byLength;
    private int _blockLines;

    /// <summary>For one stream of output.</summary>
    /// <param name="values">What the agent was given: its key, its environment's values. Those of several lines are also looked for line by line.</param>
    public SecretRedaction(IEnumerable<string> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        _byLength = [.. values.SelectMany(v => v.Split('\n').Append(v)).SelectMany(v => new[] { v.Trim(), InJson(v.Trim()) })
            .Where(v => v.Length >= ShortestValue).Distinct(StringComparer.Ordinal).OrderByDescending(v => v.Length)];
        _values = SearchValues.Create(_byLength, StringComparison.Ordinal);
    }

    /// <summary>The line without secrets; the same object where there are none.</summary>
    public string Redact(string line)
    {
        ArgumentNullException.ThrowIfNull(line);
        if (_blockLines > 0)
        {
            _blockLines = line.Contains(BlockEnds, StringComparison.Ordinal) ? 0 : (_blockLines + 1) % LongestBlock;
            return Mark;
        }

        return WithoutBlocks(WithoutTokens(WithoutValues(line)));
    }

    private string WithoutValues(string line)
    {
        if (_byLength.Length == 0 || line.AsSpan().IndexOfAny(_values) < 0)
        {
            return line;
        }

        var kept = new StringBuilder(line.Length);
        var rest = line.AsSpan();
        while (rest.IndexOfAny(_values) is var at and >= 0)
        {
            kept.Append(rest[..at]).Append(Mark);
            rest = rest[(at + LengthAt(rest[at..]))..];
        }

        return kept.Append(rest).ToString();
    }

    // Where one value begins like another the longer one is taken, so that nothing of it stays.
    private int LengthAt(ReadOnlySpan<char> text)
    {
        foreach (var value in _byLength)
        {
            if (text.StartsWith(value, StringComparison.Ordinal))
            {
                return value.Length;
            }
        }

        return 1;
    }

    private static string WithoutTokens(string line)
    {
        StringBuilder? kept = null;
        var (shown, at) = (0, 0);
        while (at < line.Length)
        {
            if (!TokenCharacters.Contains(line[at]))
            {
                at++;
                continue;
            }

            var length = line.AsSpan(at).IndexOfAnyExcept(TokenCharacters) is var end and >= 0 ? end : line.Length - at;
            var word = line.AsSpan(at, length);
            if (SecretAt(word) is var from and >= 0)
            {
                (kept ??= new StringBuilder(line.Length)).Append(line, shown, at + from - shown).Append(Mark);
                shown = at + length;
            }

            at += length;
        }

        return kept?.Append(line, shown, line.Length - shown).ToString() ?? line;
    }

    private static int SecretAt(ReadOnlySpan<char> word)
    {
        // The shortest token with its prefix is 20 characters; most words are none.
        if (word.Length < 20)
        {
            return -1;
        }

        if (IsWebToken(word))
        {
            return 0;
        }

        foreach (var (prefix, atLeast) in Tokens)
        {
            // At the beginning of a word, or after a mark within one ("key_sk-…"): not in the middle of a syllable ("task-").
            for (var from = word.IndexOf(prefix, StringComparison.Ordinal); from >= 0;)
            {
                if ((from == 0 || !char.IsAsciiLetterOrDigit(word[from - 1])) && word.Length - from - prefix.Length >= atLeast && LooksRandom(word[(from + prefix.Length)..]))
                {
                    return from;
                }

                var next = word[(from + 1)..].IndexOf(prefix, StringComparison.Ordinal);
                from = next < 0 ? -1 : from + 1 + next;
            }
        }

        return -1;
    }

    // A token has digits, or letters of both sizes; a name made of words ("sk-the-whole-of-a-sentence") has not.
    private static bool LooksRandom(ReadOnlySpan<char> text)
    {
        // No more than this is looked at, so that a line of nothing but prefixes is not read once for each.
        text = text[..Math.Min(text.Length, 64)];
        return text.ContainsAnyInRange('0', '9') || (text.ContainsAnyInRange('A', 'Z') && text.ContainsAnyInRange('a', 'z'));
    }

    // header.payload.signature, the first two base64url of JSON objects, which begin with {" (RFC 7519).
    private static bool IsWebToken(ReadOnlySpan<char> word)
    {
        if (!word.StartsWith("eyJ", StringComparison.Ordinal) || word.IndexOf('.') is not (> 8 and var first))
        {
            return false;
        }

        var rest = word[(first + 1)..];
        return rest.StartsWith("eyJ", StringComparison.Ordinal) && rest.IndexOf('.') > 8;
    }

    private string WithoutBlocks(string line)
    {
        var begins = line.IndexOf(BlockBegins, StringComparison.Ordinal);
        if (begins < 0 || !line.AsSpan(begins).Contains("PRIVATE KEY", StringComparison.Ordinal))
        {
            return line;
        }

        // In JSON the whole of a block is in one line.
        var ends = line.IndexOf(BlockEnds, begins, StringComparison.Ordinal);
        if (ends < 0)
        {
            _blockLines = 1;
            return line[..begins] + Mark;
        }

        var after = line.IndexOf("-----", ends + BlockEnds.Length, StringComparison.Ordinal);
        return line[..begins] + Mark + (after < 0 ? "" : line[(after + "-----".Length)..]);
    }

    // Command-line agents print what they see as JSON.
    private static string InJson(string value) => System.Text.Json.JsonEncodedText.Encode(value, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping).ToString();
}
