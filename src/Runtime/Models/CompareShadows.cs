using System.Text.Json;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Agents;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Models;

/// <summary>
/// Asks another module what a caller has been answered already, has a judge score both, and keeps the figures (AR-10). Its calls are
/// metered like any others, and nothing of what is said is kept.
/// </summary>
public sealed partial class CompareShadows(
    SampleCalls samples, CallModel calls, ModelCatalogue catalogue, Breakers breakers, HeldAgents held, NpgsqlDataSource database, IHostApplicationLifetime lifetime,
    TimeProvider time, ILogger<CompareShadows> logger)
    : SupervisedService("gateway-shadows", time, logger), IActsOutside
{
    // Callers come first: a shadow takes a connection and a part of what a provider allows.
    private const int MostAtOnce = 2;

    // Longer than a caller's client waits (Provider.DefaultAnswerTimeoutSeconds): such an answer helps nobody.
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan ForgetEvery = TimeSpan.FromHours(1);

    // What a client of Anthropic's that does not say its version means.
    private static readonly KeyValuePair<string, string> DefaultVersion = new("anthropic-version", "2023-06-01");

    private long _forgottenAt;

    /// <summary>How long comparisons are kept: a module that is older has become another one.</summary>
    public static readonly TimeSpan KeptFor = TimeSpan.FromDays(90);

    /// <inheritdoc />
    public override TimeSpan SilentAfter => Timeout.InfiniteTimeSpan;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        // From the moment on which the host is told to stop, and not only when it is this service's turn.
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.ApplicationStopping);
        try
        {
            await Parallel.ForEachAsync(
                samples.Ended.ReadAllAsync(stopping.Token), new ParallelOptions { MaxDegreeOfParallelism = MostAtOnce, CancellationToken = stopping.Token }, TakeUpAsync);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // What was under way has been given up and is settled.
        }
    }

    private async ValueTask TakeUpAsync(SampledCall sampled, CancellationToken stoppingToken)
    {
        try
        {
            Beat(await CompareAsync(sampled, stoppingToken) ? "a call compared" : "a call left out");
        }
        catch (NpgsqlException fault)
        {
            // A comparison less; the calls that it was made of are settled by whom it concerns.
            LogNotCompared(Logger, sampled.Under.Id, fault);
        }
    }

    private async Task<bool> CompareAsync(SampledCall sampled, CancellationToken stoppingToken)
    {
        var main = sampled.Under;
        using var body = JsonDocument.Parse(main.Call.Body);
        if (sampled.Answer.Read(main.Call.Endpoint, sampled.IsStream) is not { CallsTools: false } answer || !ShadowRules.MayBeAskedAgain(body.RootElement)
            || FreeModule(sampled.Shadow.Module) is not { } module)
        {
            return false;
        }

        using var patience = new CancellationTokenSource(Longest, Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, patience.Token);
        using var untilStopped = held.Watch(main.Caller.ActorId, patience.Cancel);
        var shadow = new CallUnderWay(Uuid7.New(Time), main.Caller, main.Call, main.Request, main.Attribution, Time) { Beside = $"shadow of call {main.Id}", Only = module.Id };
        var said = await AskAsync(shadow, either.Token);
        if (shadow.Cost is null)
        {
            // It was refused: by a budget, an admission, a window.
            return false;
        }

        var scores = said is { CallsTools: false } && sampled.Shadow.Judge is { } judge && FreeModule(judge) is { } judging
            ? await JudgeAsync(main, judging, body.RootElement, answer.Text, said.Text, either.Token)
            : null;
        await KeepAsync(sampled, shadow, scores);
        return true;
    }

    // One that fails, is being tried or asked for patience is left to those who wait for an answer.
    private Module? FreeModule(string id) =>
        catalogue.Current.Module(id) is { } module && breakers.View(module) is { State: BreakerState.Closed, ThrottledUntil: null } ? module : null;

    private async Task<AnswerText?> AskAsync(CallUnderWay beside, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await calls.BesideAsync(beside, cancellationToken);
            var said = new HeldAnswer();
            await answer.PassOnAsync(bytes =>
            {
                said.Keep(bytes.Span);
                return ValueTask.CompletedTask;
            });
            return beside.Cost is { End: CallEnd.Completed } ? said.Read(beside.Call.Endpoint, answer.IsStream) : null;
        }
        catch (Exception fault) when (fault is DomainException || (fault is OperationCanceledException && cancellationToken.IsCancellationRequested))
        {
            // It was refused, failed or was given up: its cost says so, if there is one.
            return null;
        }
    }

    private async Task<ShadowScores?> JudgeAsync(CallUnderWay main, Module judge, JsonElement request, string answer, string shadow, CancellationToken cancellationToken)
    {
        var dialect = main.Call.Endpoint.Dialect();
        var shadowFirst = ShadowRules.ShowsShadowFirst(main.Id);
        var body = shadowFirst ? ShadowVerdict.Ask(dialect, judge.Id, request, shadow, answer) : ShadowVerdict.Ask(dialect, judge.Id, request, answer, shadow);
        var call = new ModelCall(ShadowVerdict.EndpointFor(dialect), "", dialect == Dialect.Anthropic ? [DefaultVersion] : [], body, main.Call.Session, main.Call.TaskId);
        var judging = new CallUnderWay(Uuid7.New(Time), main.Caller, call, ModelRequest.Read(body), main.Attribution, Time) { Beside = $"judge of call {main.Id}", Only = judge.Id };
        return await AskAsync(judging, cancellationToken) is { } said ? ShadowVerdict.Read(said.Text, shadowFirst) : null;
    }

    private async Task KeepAsync(SampledCall sampled, CallUnderWay shadow, ShadowScores? scores)
    {
        var (main, other) = (sampled.Under.Cost!, shadow.Cost!);

        // The calls are made and paid for: a host that stops keeps what they have shown.
        await using var command = database.CreateCommand(
            """
            insert into shadow_comparisons (call_id, at, route, module_id, cost, currency, latency_ms, output_tokens, shadow_call_id, shadow_module_id, shadow_ended,
                shadow_cost, shadow_currency, shadow_latency_ms, shadow_output_tokens, judge_module_id, score, shadow_score)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) on conflict (call_id) do nothing
            """);
        foreach (var value in new object?[]
        {
            main.EventId, main.At.UtcDateTime, sampled.Under.Request.Model, main.ModuleId, main.EstimatedCost, main.Currency, main.LatencyMs, main.Tokens.Output,
            other.EventId, other.ModuleId, other.End!.Value.Wire(), other.EstimatedCost, other.Currency, other.LatencyMs, other.Tokens.Output,
            sampled.Shadow.Judge, scores?.Score, scores?.ShadowScore,
        })
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value ?? DBNull.Value });
        }

        await command.ExecuteNonQueryAsync(CancellationToken.None);
        await ForgetAsync();
    }

    private async Task ForgetAsync()
    {
        // Once, whichever of those at work comes to it first.
        var last = Interlocked.Read(ref _forgottenAt);
        if ((last != 0 && Time.GetElapsedTime(last) < ForgetEvery) || Interlocked.CompareExchange(ref _forgottenAt, Time.GetTimestamp(), last) != last)
        {
            return;
        }

        await using var forget = database.CreateCommand("delete from shadow_comparisons where at < clock_timestamp() - $1");
        forget.Parameters.AddWithValue(KeptFor);
        await forget.ExecuteNonQueryAsync(CancellationToken.None);
    }

    [LoggerMessage(EventId = 2201, Level = LogLevel.Warning, Message = "Call {Call} could not be compared: the database did not take it")]
    private static partial void LogNotCompared(ILogger logger, Guid call, Exception fault);
}
