from galkeras.discovery.explore import explore as explore
from galkeras.discovery.generate import generate as generate
from galkeras.discovery.outliers import outliers as outliers
from galkeras.discovery.similar import similar as similar
from galkeras.evaluation.align import align as align
from galkeras.evaluation.scan.scan import scan as scan
from galkeras.evaluation.shift.shift import shift as shift
from galkeras.io.errors import GalkerasError as GalkerasError
from galkeras.latents.encode import encode as encode
from galkeras.latents.table import LatentTable as LatentTable
from galkeras.latents.table import read_latents as read_latents
from galkeras.models.folder import load_model as load_model
from galkeras.morphology.classify import classify as classify
from galkeras.morphology.measure import measure as measure
from galkeras.morphology.predict import predict as predict
from galkeras.records.inspect import inspect as inspect
from galkeras.records.make import make_tfrecords as make_tfrecords
from galkeras.records.schema import RecordSet as RecordSet
from galkeras.reporting.report import report as report
from galkeras.serving.export import export as export
from galkeras.serving.request import request as request
from galkeras.simulation.survey_pair import mock as mock
from galkeras.surveys.download.download import download as download
from galkeras.surveys.download.published import download_file as download_file
from galkeras.training.adapt import adapt as adapt
from galkeras.training.fit import fit as fit
from galkeras.training.options import AdaptOptions as AdaptOptions
from galkeras.training.options import FitOptions as FitOptions

__version__: str
COMMANDS: dict[str, str]
