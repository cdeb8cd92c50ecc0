using System.Text;
using ControlCenter.Domain.Execution;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace ControlCenter.Runtime.Execution.Definitions;

/// <summary>A definition as it is written in a file: YAML, read strictly, and checked as a whole.</summary>
public static class DefinitionFile
{
    /// <summary>The longest file, in bytes: instructions of 64 KiB, and room around them.</summary>
    public const int LongestFile = 256 * 1024;

    private static readonly IDeserializer Deserializer = new DeserializerBuilder()
        .WithNamingConvention(UnderscoredNamingConvention.Instance)
        .WithDuplicateKeyChecking()
        .WithEnforceNullability()
        .Build();

    /// <summary>Reads what a file says. A name that it does not give is the file's own.</summary>
    /// <param name="text">The file's text.</param>
    /// <param name="fileName">Its name, without folder.</param>
    /// <exception cref="DefinitionFileException">It is not as it must be; the message names the place or the field.</exception>
    public static AgentDefinition Parse(string text, string fileName)
    {
        if (Encoding.UTF8.GetByteCount(text) > LongestFile)
        {
            throw new DefinitionFileException($"At the most {LongestFile / 1024} KiB.");
        }

        var definition = Read(text).ToDefinition(Path.GetFileNameWithoutExtension(fileName));
        var wrong = AgentDefinitionRules.Check(definition);
        return wrong.Count == 0 ? definition : throw new DefinitionFileException(string.Join(" ", wrong.Select(e => $"{e.Key}: {string.Join(' ', e.Value)}")));
    }

    private static DefinitionText Read(string text)
    {
        try
        {
            var parser = new Parser(new StringReader(text));
            RefuseWhatIsNotPlain(new Parser(new StringReader(text)));
            parser.Consume<StreamStart>();
            if (!parser.Accept<DocumentStart>(out _))
            {
                throw new DefinitionFileException("It is empty; name and adapter are the least.");
            }

            var read = Deserializer.Deserialize<DefinitionText?>(parser) ?? throw new DefinitionFileException("It is empty; name and adapter are the least.");
            return parser.Accept<DocumentStart>(out var second)
                ? throw At(second.Start, "A second document; one file is one agent.")
                : read;
        }
        catch (YamlException fault)
        {
            throw At(fault.Start, Reason(fault));
        }
    }

    // An alias can make a small file a huge one, a tag can ask for a type: no definition needs either.
    private static void RefuseWhatIsNotPlain(Parser parser)
    {
        while (parser.MoveNext())
        {
            if (parser.Current is AnchorAlias || parser.Current is NodeEvent { Anchor.IsEmpty: false } or NodeEvent { Tag.IsEmpty: false })
            {
                throw At(parser.Current.Start, "Anchors, aliases and tags are not taken.");
            }
        }
    }

    private static DefinitionFileException At(Mark place, string problem) => new($"Line {place.Line}, column {place.Column}: {problem}");

    // The deserializer's messages name its own types, and a value where a definition may have a secret: of those only the kind is told.
    private static string Reason(YamlException fault) => fault switch
    {
        SyntaxErrorException or SemanticErrorException => fault.Message,
        _ when fault.Message.StartsWith("Property '", StringComparison.Ordinal) && fault.Message.Split('\'') is [_, var name, ..] => $"There is no field '{name}'.",
        _ when fault.Message.StartsWith("Encountered duplicate key", StringComparison.Ordinal) => "This field stands twice.",
        _ => "The value is of the wrong type.",
    };
}

/// <summary>A definition's file is not as it must be.</summary>
public sealed class DefinitionFileException(string message) : Exception(message);
