using System.Text.Json;
using ControlCenter.Domain.Models;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Models;

/// <summary>A catalogue as it is written down: in a file, or read from the database.</summary>
/// <param name="Providers">Who serves.</param>
/// <param name="Modules">What.</param>
/// <param name="Prices">For how much.</param>
/// <param name="Routes">By which names.</param>
public sealed record CatalogueFile(Provider[]? Providers = null, Module[]? Modules = null, Price[]? Prices = null, Route[]? Routes = null)
{
    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="CatalogueFileException">It is not as it must be; the message names the field.</exception>
    public static async Task<CatalogueFile> ReadAsync(string path, CancellationToken cancellationToken)
    {
        CatalogueFile file;
        try
        {
            file = JsonSerializer.Deserialize<CatalogueFile>(await File.ReadAllBytesAsync(path, cancellationToken), Options)
                ?? throw new CatalogueFileException(path, "it is null; an object with providers, modules, prices and routes was expected.");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new CatalogueFileException(path, $"it cannot be read: {fault.Message}");
        }
        catch (JsonException fault)
        {
            // A file may have a comment where System.Text.Json names a type: only the place and the kind of fault are told.
            throw new CatalogueFileException(path, $"{fault.Path ?? "$"} (line {fault.LineNumber + 1}): no such field, a missing one, or a value of the wrong type.");
        }

        var wrong = file.Check().Select(e => $"{e.Field}: {e.Message}").ToList();
        return wrong.Count == 0 ? file : throw new CatalogueFileException(path, string.Join(" ", wrong));
    }

    /// <summary>As something that calls can be routed by.</summary>
    public Catalogue ToCatalogue() => new(Providers ?? [], Modules ?? [], Prices ?? [], Routes ?? []);

    /// <summary>What is wrong with it.</summary>
    public IEnumerable<(string Field, string Message)> Check() =>
        CatalogueRules.Check(Providers ?? [], Modules ?? [], Prices ?? [], Routes ?? []);

    private static readonly JsonSerializerOptions Options = CommentsAllowed();

    private static JsonSerializerOptions CommentsAllowed() =>
        new(WireJson.Options) { ReadCommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };
}

/// <summary>The catalogue's file is not as it must be.</summary>
public sealed class CatalogueFileException(string path, string problem) : Exception($"CC_MODELS, {path}: {problem}");
