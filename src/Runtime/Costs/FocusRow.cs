using System.Globalization;
using System.Text.Json;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Text;

namespace ControlCenter.Runtime.Costs;

/// <summary>A recorded cost as a row of the FinOps Open Cost and Usage Specification (FOCUS 1.0), with what it has no column for under <c>x_</c>.</summary>
public static class FocusRow
{
    /// <summary>The names of the columns.</summary>
    public static string Header { get; } = CsvTable.Row(
        "BilledCost", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodStart", "ChargePeriodEnd",
        "ConsumedQuantity", "ConsumedUnit", "EffectiveCost", "ProviderName", "ServiceCategory", "ServiceName", "SkuId", "ResourceId", "ResourceName", "SubAccountId", "Tags",
        "x_EstimatedCost", "x_CostKnowledge", "x_AccessPath", "x_UsageUnitsIn", "x_UsageUnitsOut", "x_LatencyMs", "x_Retries", "x_CallEnd", "x_EventId", "x_CorrectsEventId");

    /// <summary>One row. An amount that is not known is an empty field, never a zero.</summary>
    public static string Of(CostEventView e)
    {
        var month = RollupGrain.Month.StartOf(e.Timestamp);
        var isCorrection = e.Corrects is not null || e.InvoiceId is not null;
        return CsvTable.Row(
            Number(e.BilledCost), e.Currency, Time(month), Time(RollupGrain.Month.Next(month)), isCorrection ? "Adjustment" : "Usage", isCorrection ? "Correction" : "",
            e.Notes ?? (e.ModuleId is null ? "Use" : $"Use of {e.ModuleId}"), Time(e.Timestamp), Time(e.Timestamp.AddMilliseconds(e.LatencyMs ?? 0)),
            Number(e.UsageUnitsIn is null && e.UsageUnitsOut is null ? null : (e.UsageUnitsIn ?? 0) + (e.UsageUnitsOut ?? 0)), e.Tokens.IsKnown ? "Tokens" : "Units",
            Number(e.BilledCost ?? e.EstimatedCost), e.Provider, "AI and Machine Learning", e.ModuleId ?? e.Provider, e.PriceId?.ToString(), e.ModuleId, e.ModuleId, e.Project, Tags(e),
            Number(e.EstimatedCost), e.Knowledge.Wire(), e.AccessPath?.Wire(), Number(e.UsageUnitsIn), Number(e.UsageUnitsOut), e.LatencyMs?.ToString(CultureInfo.InvariantCulture),
            e.Retries.ToString(CultureInfo.InvariantCulture), e.CallEnd?.Wire(), e.EventId.ToString(), e.Corrects?.ToString());
    }

    private static string Tags(CostEventView e)
    {
        var tags = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["environment"] = e.Environment };
        foreach (var (name, value) in new (string, string?)[]
        {
            ("activity", e.ActivityId), ("session", e.SessionId), ("task", e.TaskId?.ToString()), ("ticket", e.TicketId?.ToString()), ("project", e.Project),
            ("agent", e.AgentRuntimeId?.ToString()), ("agent_name", e.AgentName), ("node", e.NodeId), ("surface", e.Surface),
        })
        {
            if (value is not null)
            {
                tags[name] = value;
            }
        }

        return JsonSerializer.Serialize(tags);
    }

    private static string? Number(decimal? amount) => amount?.ToString("0.############", CultureInfo.InvariantCulture);

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
