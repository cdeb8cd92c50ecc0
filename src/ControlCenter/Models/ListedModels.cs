using ControlCenter.Bus;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Models;

namespace ControlCenter.Models;

/// <summary>The models that can be asked for, as the caller's dialect lists them.</summary>
internal static class ListedModels
{
    /// <summary>Anthropic's clients say which version of its API they speak; nobody else does.</summary>
    public static Dialect DialectOf(HttpContext http) => http.Request.Headers.ContainsKey("anthropic-version") ? Dialect.Anthropic : Dialect.Openai;

    public static Task ListAsync(HttpContext http)
    {
        BusRoutes.CallerOf(http).Require(Permission.ReadAll);
        var names = Names(http, DialectOf(http));
        return DialectOf(http) == Dialect.Anthropic
            ? BusRoutes.WriteAsync(http, 200, new AnthropicList([.. names.Select(Anthropic)], HasMore: false, names.FirstOrDefault().Name, names.LastOrDefault().Name))
            : BusRoutes.WriteAsync(http, 200, new OpenAiList("list", [.. names.Select(OpenAi)]));
    }

    public static Task FindAsync(HttpContext http, string id)
    {
        BusRoutes.CallerOf(http).Require(Permission.ReadAll);
        var found = Names(http, DialectOf(http)).Find(n => n.Name == id);
        return found.Name is null ? throw new DomainException(ProblemTypes.UnknownModel, $"There is no model '{id}'. GET /v1/models lists those that there are.")
            : DialectOf(http) == Dialect.Anthropic ? BusRoutes.WriteAsync(http, 200, Anthropic(found))
            : BusRoutes.WriteAsync(http, 200, OpenAi(found));
    }

    // Routes by their alias, then every module by its own id. A client of one dialect is not offered what only speaks the other.
    private static List<(string Name, string Owner)> Names(HttpContext http, Dialect dialect)
    {
        var known = http.RequestServices.GetRequiredService<ModelCatalogue>().Current;
        bool Speaks(Module module) => known.Provider(module.Provider)!.Dialect == dialect;
        return
        [
            .. known.Routes.Where(r => r.Modules.Select(known.Module).OfType<Module>().Any(Speaks)).Select(r => (r.Alias, "control-center")),
            .. known.Modules.Where(Speaks).Select(m => (m.Id, m.Provider)),
        ];
    }

    // When a model came to be is not known here; the wire formats want a time.
    private static AnthropicModel Anthropic((string Name, string Owner) model) => new("model", model.Name, model.Name, DateTimeOffset.UnixEpoch);

    private static OpenAiModel OpenAi((string Name, string Owner) model) => new(model.Name, "model", 0, model.Owner);

    private sealed record AnthropicModel(string Type, string Id, string DisplayName, DateTimeOffset CreatedAt);

    private sealed record AnthropicList(AnthropicModel[] Data, bool HasMore, string? FirstId, string? LastId);

    private sealed record OpenAiModel(string Id, string Object, long Created, string OwnedBy);

    private sealed record OpenAiList(string Object, OpenAiModel[] Data);
}
