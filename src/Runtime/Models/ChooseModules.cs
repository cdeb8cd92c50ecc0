using ControlCenter.Domain.Models;
using ControlCenter.Domain.Problems;

namespace ControlCenter.Runtime.Models;

/// <summary>A module that may serve a call, with what it takes to call it.</summary>
internal sealed record Candidate(Provider Provider, Module Module, Price? Price);

/// <summary>Finds out which modules may serve a call, and in which order; says of each other one why not.</summary>
public sealed class ChooseModules(ModelCatalogue catalogue, Breakers breakers, SubscriptionWindows windows)
{
    /// <summary>The candidates, best first. Breakers are asked when it is a candidate's turn.</summary>
    /// <exception cref="DomainException">There is none: <c>unknown_model</c>, <c>unpriced_module</c> or <c>window_used_up</c>.</exception>
    internal List<Candidate> Execute(CallUnderWay under)
    {
        var known = catalogue.Current;
        IReadOnlyList<Module> named = under.Only is null ? known.Candidates(under.Request.Model) : known.Module(under.Only) is { } only ? [only] : [];
        if (named.Count == 0)
        {
            throw new DomainException(ProblemTypes.UnknownModel, $"There is no model '{Shown(under.Request.Model)}'. GET /v1/models lists those that there are.");
        }

        var dialect = under.Call.Endpoint.Dialect();
        var fit = new List<Candidate>();
        DateTimeOffset? roomAt = null;
        foreach (var module in named)
        {
            var provider = known.Provider(module.Provider)!;
            var price = known.PriceAt(module.Id, under.StartedAt);
            if (provider.Dialect != dialect)
            {
                under.Skip(module, "other_dialect");
            }
            else if (module.Trust < named[0].Trust)
            {
                under.Skip(module, "less_trusted");
            }
            else if (module.HasEndedAt(under.StartedAt))
            {
                under.Skip(module, "ended");
            }
            else if (windows.UsedUp(module.Id, under.StartedAt) is { } window)
            {
                // Its provider is well, so this is no matter of its breaker.
                under.Skip(module, "window_used_up");
                roomAt = roomAt < window.RoomAt ? roomAt : window.RoomAt;
            }
            else if (price is null && under.Call.Endpoint.IsCharged())
            {
                under.Skip(module, "unpriced");
            }
            else
            {
                fit.Add(new Candidate(provider, module, price));
            }
        }

        if (fit.Count == 0)
        {
            throw roomAt is { } room ? UsedUp(under, room)
                : under.Steps.Exists(s => s.Why == "ended") ? new DomainException(ProblemTypes.UnknownModel, $"'{Shown(under.Request.Model)}' was ended by its provider. GET /v1/models lists the models that there are.")
                : under.Steps.Exists(s => s.Why == "unpriced")
                ? new DomainException(ProblemTypes.UnpricedModule, $"'{Shown(under.Request.Model)}' has no price in force, so that no budget could hold it. The founder can give it one under /modules.")
                : new DomainException(ProblemTypes.UnknownModel, $"'{Shown(under.Request.Model)}' does not speak {under.Call.Endpoint.Path()}. GET /v1/models lists the models that there are.");
        }

        // One that asked for patience is asked last, not never: the others may fail.
        return [.. fit.OrderBy(c => breakers.IsThrottled(c.Module))];
    }

    private static UnavailableException UsedUp(CallUnderWay under, DateTimeOffset roomAt)
    {
        var seconds = (int)Math.Max(1, Math.Ceiling((roomAt - under.StartedAt).TotalSeconds));
        return new UnavailableException(ProblemTypes.WindowUsedUp, $"The subscription behind '{Shown(under.Request.Model)}' has used up its window; there is room again in {seconds} s. /modules shows it.", seconds);
    }

    // A caller's own word is told back to it, but not without end.
    private static string Shown(string model) => model.Length <= 100 ? model : model[..100] + "…";
}
