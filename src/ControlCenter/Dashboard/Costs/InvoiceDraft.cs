using System.Text;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Costs;
using Microsoft.AspNetCore.Components.Forms;

namespace ControlCenter.Dashboard.Costs;

/// <summary>An invoice while it is being imported: what is changed after it was checked is checked again.</summary>
public sealed class InvoiceDraft
{
    /// <summary>What the bus takes in one body: a larger file is imported in parts.</summary>
    public const int MostBytes = 1024 * 1024;

    private string? _csv;
    private InvoiceImport? _checkedAs;

    public string Provider { get; set; } = "";

    public string Number { get; set; } = "";

    public DateOnly? PeriodFrom { get; set; }

    /// <summary>The last day that it bills, as people say it; the bus is told the day after.</summary>
    public DateOnly? PeriodThrough { get; set; }

    public string Currency { get; set; } = "USD";

    /// <summary>The file's name; null before one was chosen.</summary>
    public string? FileName { get; private set; }

    /// <summary>Why the file could not be read.</summary>
    public string? Problem { get; private set; }

    /// <summary>What an import would do; null where that is not known of what is written now.</summary>
    public InvoicePreview? Preview => _checkedAs is not null && _checkedAs == TryToImport() ? _preview : null;

    /// <summary>Whether it was checked, as it is written now, and nothing stands in its way.</summary>
    public bool CanImport => Preview is { Problems.Count: 0 };

    private InvoicePreview? _preview;

    /// <summary>Ends when the file that was chosen last has come over; never throws.</summary>
    public Task Reading { get; private set; } = Task.CompletedTask;

    /// <summary>Takes in a file.</summary>
    public async Task ReadAsync(IBrowserFile file, CancellationToken cancellationToken)
    {
        var read = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Reading = read.Task;
        try
        {
            await TakeInAsync(file, cancellationToken);
        }
        finally
        {
            read.SetResult();
        }
    }

    private async Task TakeInAsync(IBrowserFile file, CancellationToken cancellationToken)
    {
        (FileName, _csv, Problem, _checkedAs) = (null, null, null, null);
        if (file.Size > MostBytes)
        {
            Problem = $"'{file.Name}' has {file.Size:#,0} bytes; at the most {MostBytes:#,0} are taken. Import it in parts, each with a number of its own.";
            return;
        }

        await using var stream = file.OpenReadStream(MostBytes, cancellationToken);
        using var bytes = new MemoryStream();
        await stream.CopyToAsync(bytes, cancellationToken);
        try
        {
            _csv = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
            FileName = file.Name;
        }
        catch (DecoderFallbackException)
        {
            Problem = $"'{file.Name}' is not UTF-8. Save it as CSV in UTF-8.";
        }
    }

    /// <summary>Takes in a text as if it were a file's.</summary>
    public void TakeIn(string fileName, string csv) => (FileName, _csv, Problem, _checkedAs) = (fileName, csv, null, null);

    /// <summary>Keeps what an import would do.</summary>
    public void Checked(InvoicePreview preview) => (_preview, _checkedAs) = (preview, ToImport());

    /// <summary>The request.</summary>
    /// <exception cref="ValidationException">Something is missing.</exception>
    public InvoiceImport ToImport() => TryToImport() ?? throw new ValidationException("csv", "Choose the invoice's file, and say from when to when it bills.");

    private InvoiceImport? TryToImport() => _csv is { } csv && PeriodFrom is { } from && PeriodThrough is { } through && through < DateOnly.MaxValue
        ? new InvoiceImport(Provider.Trim(), Number.Trim(), from, through.AddDays(1), Currency.Trim(), csv)
        : null;
}
