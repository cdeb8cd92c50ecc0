using System.Collections.Concurrent;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Jobs;
using ControlCenter.Runtime.Jobs;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Jobs;

/// <summary>A host as far as jobs are concerned: it looks for what is due when its test says so. Two on one database are a cluster.</summary>
internal sealed class JobHost : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private JobHost(ServiceProvider services) => _services = services;

    public static async Task<JobHost> StartAsync(string database, Job job, CancellationToken cancellationToken, JobOptions? options = null)
    {
        var services = new ServiceCollection().AddLogging();
        if (options is not null)
        {
            services.AddSingleton(options);
        }

        services.AddRuntime(database);
        services.AddSingleton(job);
        var host = new JobHost(services.BuildServiceProvider());
        await host.Get<EnsureJobs>().ExecuteAsync(cancellationToken);
        return host;
    }

    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    public Task PlanAsync(Job job, CancellationToken cancellationToken) => Get<PlanJobRuns>().ExecuteAsync(job.Name, cancellationToken);

    /// <summary>Looks once.</summary>
    public Task LookAsync(CancellationToken cancellationToken) => Get<RunJobs>().LookAsync(cancellationToken);

    /// <summary>Looks until nothing is due and nothing runs.</summary>
    public async Task RunAllAsync(CancellationToken cancellationToken)
    {
        do
        {
            await LookAsync(cancellationToken);
            await Task.WhenAll(Get<RunJobs>().Running);
        }
        while (await Get<NpgsqlDataSource>().ScalarAsync<bool>("select exists (select from job_runs where state = 'queued' and due_at <= clock_timestamp())", cancellationToken));
    }

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}

/// <summary>A job that does what its test says.</summary>
internal sealed class TestJob(Func<JobRun, CancellationToken, Task> execute) : Job
{
    public string JobName { get; init; } = "test-job";

    public override string Name => JobName;

    public override string Title => "A test's job";

    public override string Description => "Does what its test says.";

    public override string DefaultCron => Cron;

    public override MissedRuns DefaultMissedRuns => Missed;

    public override RetryRules Retries => Tries;

    public override TimeSpan Timeout => TimeLimit;

    public override bool IsCancellable => Cancellable;

    public string Cron { get; init; } = "0 3 * * *";

    public MissedRuns Missed { get; init; } = MissedRuns.RunOnce;

    public RetryRules Tries { get; init; } = new(2, TimeSpan.FromMinutes(1));

    public TimeSpan TimeLimit { get; init; } = TimeSpan.FromMinutes(5);

    public bool Cancellable { get; init; } = true;

    public ConcurrentQueue<JobRun> Runs { get; } = new();

    public override Task ExecuteAsync(JobRun run, CancellationToken cancellationToken)
    {
        Runs.Enqueue(run);
        return execute(run, cancellationToken);
    }
}

internal static class Sql
{
    public static async Task<T> ScalarAsync<T>(this NpgsqlDataSource database, string sql, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    public static async Task<List<string>> ColumnAsync(this NpgsqlDataSource database, string sql, CancellationToken cancellationToken)
    {
        var values = new List<string>();
        await using var command = database.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            values.Add(reader.GetString(0));
        }

        return values;
    }

    public static readonly Caller Founder = new(Guid.Parse("00000000-0000-7000-8000-000000000002"), "founder", Role.FounderAdmin);
}
